"""/privacy: what is stored, who sees it, and when it is deleted."""

from dataclasses import replace

from flask_babel import lazy_gettext as _

from webapp.pages.site_documents.texts import Document, Link, Section, Versions

_WHO = Section(
    id="who",
    title=_("Who is responsible"),
    paragraphs=(
        _("The operator of this site is responsible for your data. The contact page names it."),
    ),
    links=(Link("/contact", _("Contact")),),
)
_STORED = Section(
    id="stored",
    title=_("What is stored"),
    points=(
        _(
            "Sign-in: the number, the name and the e-mail address of your Google account. There is"
            " no password here."
        ),
        _("Profile: username, name, photo, text about you and language, as far as you give them."),
        _(
            "Orders: style, tags, title and settings, the picture with its hashes, and the name for"
            " the licence if you give one."
        ),
        _(
            "Artists: artist name, e-mail address, signature, artworks with tags, and the text"
            " about your rights that you confirmed, with the time."
        ),
        _(
            "Artists who request a payout: amounts, times, and the reference of the bank transfer."
            " Numbers of bank accounts are not stored on this site."
        ),
        _("Pages of artists: banner, text, links and pinned pictures."),
        _("Comments, likes, follows, reports and notifications."),
        _(
            "API keys: name, permissions, the first characters of the secret with a hash of it, and"
            " the day of the last use."
        ),
        _(
            "Webhooks: the address of your server, the secret that signs messages, the chosen"
            " events, and the messages of the last %(webhook_days)s days."
        ),
        _("How often the page of a style was opened each day, without who opened it."),
        _(
            "Payments: what was bought, the price, the state, and the number and receipt of Toss"
            " Payments. This site gets no card data."
        ),
        _("Sets: photos with their file names, selected parts, rules and results."),
    ),
)
_SEEN = Section(
    id="seen",
    title=_("What others see"),
    points=(
        _("Your profile: username, name, photo, text about you and, for artists, the styles."),
        _(
            "A public picture with its title, its tags and your name. A private picture is seen by"
            " you and by administrators."
        ),
        _(
            "The certificate of each delivered picture. While the picture is private, the"
            " certificate shows neither it nor your name."
        ),
        _("Your comments, and how many people like a picture."),
        _("Artworks of artists and photos of Sets are not shown to other people."),
    ),
)
_VERIFIED = Section(
    id="verified",
    title=_("Pictures that you have checked"),
    paragraphs=(
        _(
            "A picture that you upload on the page of verification is used for the check only. It"
            " is deleted after the check, at the latest after a minute. If the check needs a longer"
            " search, its answer is deleted after about %(search_minutes)s minutes."
        ),
    ),
    links=(Link("/verify", _("Verify a picture")),),
)
_OTHERS = Section(
    id="others",
    title=_("Who else gets data"),
    points=(
        _("Google, when you sign in: that you sign in here."),
        _(
            "Toss Payments, when you pay: the number of the payment, what is bought and the price."
            " You enter the data of your card there."
        ),
        _(
            "Your own server, if you add its address as a webhook: what happened, and the numbers"
            " of pictures, styles and licences. An artist's server is not told who ordered."
        ),
        _("The hosting provider, on whose machines this site runs, if the contact page names one."),
        _(
            "A service for error reports, if the operator uses one: technical data with internal"
            " numbers. E-mail and IP addresses are removed before."
        ),
        _("This site contains no advertising and no analytics of other companies."),
    ),
)
_BROWSER = Section(
    id="browser",
    title=_("What is kept in your browser"),
    points=(
        _(
            "Cookies for signing in and for safe forms (session, csrftoken): for"
            " %(sign_in_days)s days at the most."
        ),
        _(
            "Cookies while you sign in: sign_in_… for %(attempt_minutes)s minutes, and browser for"
            " %(browser_hours)s hour, which limits the number of attempts."
        ),
        _("Cookies for language, theme and time zone (lang, theme, timezone): for a year."),
        _(
            "A cookie for the tour of a new account (tour): for %(sign_in_days)s days, or until you"
            " end the tour."
        ),
        _(
            "Drafts of new styles and orders, settings of pages, and the key of an account of Sets"
            " without sign-in: in the storage of the browser."
        ),
    ),
)
_DELETED = Section(
    id="deleted",
    title=_("When data is deleted"),
    points=(
        _("Albums of Sets: all files %(album_days)s days after the album was created."),
        _(
            "Accounts of Sets without sign-in: photos, results, rules and texts after"
            " %(unused_days)s days without use."
        ),
        _(
            "Notifications: %(read_days)s days after they were created if they were read, otherwise"
            " after %(unread_days)s days."
        ),
        _(
            "Sign-ins that have ended or expired: within hours. Technical records of finished jobs:"
            " after %(job_days)s days, those of trainings not."
        ),
        _(
            "Files that nothing refers to any more: they are removed automatically once they are"
            " older than %(garbage_hours)s hours."
        ),
        _(
            "IP addresses limit the number of requests. They are counted in a temporary memory for"
            " at most a day; this site writes them neither into its database nor into its logs."
        ),
        _("Backups contain deleted data until the backups themselves are deleted."),
        _("Everything else is kept as long as your account."),
    ),
)
_CHOICES = Section(
    id="choices",
    title=_("What you can do"),
    points=(
        _("Change your profile and your language in the settings."),
        _("Make pictures private, and delete your comments."),
        _("Download your transactions from the wallet as a file."),
        _(
            "Close your account in the settings. Name, e-mail address, photo, pictures, comments,"
            " likes, albums, styles and artworks are then deleted."
        ),
        _(
            "The transactions of a deleted account stay without a name, and so do the hashes of its"
            " pictures in their certificates, so that these can still be checked."
        ),
        _(
            "If other people have ordered pictures in your style, the account is closed but not"
            " deleted, because their licences depend on it."
        ),
        _("You can make a copy of your data in the settings."),
        _("For everything else ask the operator."),
    ),
    links=(Link("/me/settings", _("Settings")), Link("/contact", _("Contact"))),
)
# What the version of 2026-11-30 adds: collections of pictures, artworks that artists show, and the
# mail digest.
_STORED_TODAY = replace(
    _STORED,
    points=(
        *_STORED.points,
        _("Collections: their names and descriptions, and which pictures are in them."),
        _("Artworks that artists show: which, their order and titles, and a small copy of each."),
        _(
            "Mail digest, if you switch it on: how often, the language, your e-mail address, and"
            " when mails were sent, with the number of notifications in them."
        ),
    ),
)
_SEEN_WITH_COLLECTIONS = replace(
    _SEEN,
    points=(
        *_SEEN.points[:-1],
        _(
            "Artworks of artists are not shown to other people, except those that an artist chooses"
            " to show: as a small copy without metadata, until the artist takes them back."
        ),
        _("Photos of Sets are not shown to other people."),
        _(
            "A public collection with your name, and the public pictures in it. A private one is"
            " seen by you alone."
        ),
    ),
)
_CHOICES_WITH_COLLECTIONS = replace(
    _CHOICES,
    points=(
        *_CHOICES.points,
        _(
            "Make collections private, and delete them. When your account is deleted, your"
            " collections are too, and your pictures leave those of others."
        ),
    ),
)
_MAILS = Section(
    id="mails",
    title=_("Mails to you"),
    paragraphs=(
        _(
            "This site sends mails only if you ask for them in the notification settings: a summary"
            " of the unread notifications of your own account. They contain no advertising and"
            " no pictures, and nothing in them reports that they were opened."
        ),
        _(
            "Each mail has a link that ends these mails, without signing in. Records of sent mails"
            " are deleted after %(digest_days)s days."
        ),
    ),
    links=(Link("/notifications/settings", _("Notification settings")),),
)
_OTHERS_WITH_MAILS = replace(
    _OTHERS,
    points=(
        *_OTHERS.points[:2],
        _(
            "The mail service of this site and your own, if you switch on the mail digest: your"
            " e-mail address and the text of the mail."
        ),
        *_OTHERS.points[2:],
    ),
)
_STORED_WITH_REFUND_REQUESTS = replace(
    _STORED_TODAY,
    points=(
        *_STORED_TODAY.points,
        _(
            "What you write when you ask for the refund of a payment, which administrators read,"
            " and their answer."
        ),
    ),
)
_OF_NOVEMBER_30 = Document(
    title=_("Privacy policy"),
    summary=_("What this site stores about you, who sees it, and when it is deleted."),
    sections=(
        _WHO,
        _STORED_TODAY,
        _SEEN_WITH_COLLECTIONS,
        _VERIFIED,
        _MAILS,
        _OTHERS_WITH_MAILS,
        _BROWSER,
        _DELETED,
        _CHOICES_WITH_COLLECTIONS,
    ),
)
VERSIONS: Versions = {
    "2026-12-01": replace(
        _OF_NOVEMBER_30,
        sections=(_WHO, _STORED_WITH_REFUND_REQUESTS, *_OF_NOVEMBER_30.sections[2:]),
    ),
    "2026-11-30": _OF_NOVEMBER_30,
    "2026-11-29": replace(
        _OF_NOVEMBER_30,
        sections=(_WHO, _STORED, _SEEN, _VERIFIED, _OTHERS, _BROWSER, _DELETED, _CHOICES),
    ),
}
