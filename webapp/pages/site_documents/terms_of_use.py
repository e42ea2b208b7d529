"""/terms: the terms of use."""

from flask_babel import lazy_gettext as _

from webapp.pages.site_documents.texts import Document, Link, Section, Versions

_SITE = Section(
    id="site",
    title=_("What this site does"),
    paragraphs=(
        _(
            "On this site artists license their styles. Buyers pay tokens for pictures that AI"
            " makes in these styles. A second product, Sets, edits albums of photos."
        ),
        _("The contact page names the operator of this site."),
    ),
    links=(Link("/how-it-works", _("How it works")), Link("/contact", _("Contact"))),
)
_ACCOUNT = Section(
    id="account",
    title=_("Your account"),
    points=(
        _("You sign in with a Google account. The first sign-in creates the account here."),
        _(
            "Usernames and artist names are unique. A name that looks like that of somebody else is"
            " refused."
        ),
        _(
            "You can close your account in the settings at any time, once no picture, no training"
            " and no payout is in progress. Before you confirm, the page shows what will be"
            " deleted."
        ),
        _(
            "An administrator can close an account, for example after a report. Its styles are then"
            " no longer sold and its pictures become private."
        ),
    ),
)
_TOKENS = Section(
    id="tokens",
    title=_("Tokens and credits"),
    points=(
        _("Pictures are paid in tokens, photos of Sets in credits. Both are bought in packages."),
        _("Tokens and credits have no expiry date and cannot be passed on to other people."),
        _("The refund policy says when tokens, credits and money are returned."),
        _(
            "The %(welcome_tokens)s tokens and %(welcome_credits)s credits of a new account are"
            " given once per person."
        ),
    ),
    links=(Link("/refunds", _("Refund policy")),),
)
_ORDERS = Section(
    id="orders",
    title=_("Orders of pictures"),
    points=(
        _("The price on the button is the price of the order. A later change does not affect it."),
        _(
            "The tokens are held until each picture ends: delivered, its price goes to the artist;"
            " failed or canceled, it comes back to you."
        ),
        _("You can cancel a picture as long as nobody has begun to draw it."),
        _(
            "You receive the licence that you chose with the order, in the version named by the"
            " certificate. Its terms say what you may do with the picture."
        ),
        _(
            "Every picture is made by AI and says so in its file. Other people can order similar"
            " pictures in the same style."
        ),
    ),
    links=(Link("/licenses", _("Licences")),),
)
_ARTISTS = Section(
    id="artists",
    title=_("Artists"),
    points=(
        _(
            "You confirm that you made your artworks or hold all rights to them. The text that you"
            " confirm is stored with its version and the time."
        ),
        _(
            "You allow this site to learn your style from them and to sell pictures made in it,"
            " under the licence, the price and the period that you choose. The artworks themselves"
            " are not licensed, and only those are published that you choose to show."
        ),
        _("You earn the whole price of each delivered picture, in tokens."),
        _("Earned tokens can be spent on pictures, once you make them available in your wallet."),
        _(
            "Earned tokens can also be paid out in money: each is worth ₩%(payout_worth)s, and a"
            " payout takes at least %(payout_least)s of them. An administrator makes the bank"
            " transfer, less the tax that the law requires to be withheld."
        ),
        _(
            "What you earn with your own orders in your own styles is never paid out in money. You"
            " can make it available and spend it on pictures."
        ),
        _("You can stop the sale of a style. Licences that were sold stay valid."),
    ),
)
_CONTENT = Section(
    id="content",
    title=_("Public content and reports"),
    points=(
        _("Pictures are private until you make them public. You can make them private again."),
        _(
            "Everybody with an account can report styles, pictures, comments, users and tags: for"
            " violated copyright, sexual or hateful content, spam, impersonation or another reason."
        ),
        _(
            "An administrator decides each report and can hide what was reported, close the account"
            " of its owner, or dismiss the report. Every decision is logged with its reason, and"
            " whoever reported is notified of the outcome."
        ),
        _(
            "An administrator can revoke the licence of a picture. Its certificate then says so,"
            " with the date."
        ),
    ),
)
_SETS = Section(
    id="sets",
    title=_("Sets"),
    points=(
        _("Your photos are used for your results only."),
        _(
            "The files of an album are deleted %(album_days)s days after it was created. Download"
            " your results before."
        ),
        _(
            "An account of Sets without sign-in is deleted with its credits after %(unused_days)s"
            " days without use. Sign in to keep it."
        ),
        _("A purchase of Pro lasts %(pro_days)s days and is not renewed automatically."),
    ),
)
_CHANGES = Section(
    id="changes",
    title=_("Changes of these terms"),
    points=(
        _("A change is a new version with its date. Earlier versions can still be read here."),
        _("Licences that were issued before keep the version of their terms."),
        _("Rights that the law gives you are not limited by these terms."),
    ),
)
VERSIONS: Versions = {
    "2026-11-30": Document(
        title=_("Terms of use"),
        summary=_("What you and this site may expect of each other."),
        sections=(
            _SITE,
            _ACCOUNT,
            _TOKENS,
            _ORDERS,
            _ARTISTS,
            _CONTENT,
            _SETS,
            _CHANGES,
        ),
    ),
}
