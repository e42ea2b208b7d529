"""/how-it-works: what buyers, artists and users of Sets do, and how a certificate is checked."""

from flask_babel import lazy_gettext as _

from webapp.pages.site_documents.texts import Document, Link, Section, Table, Versions

_BUYERS = Section(
    id="buyers",
    title=_("For buyers"),
    points=(
        _(
            "Choose a style. Its page shows sample pictures, the artist, the licences, and the"
            " price of one picture of each size in tokens."
        ),
        _(
            "Order with tags. The price is fixed when you order, and the tokens are held until the"
            " picture is delivered."
        ),
        _(
            "AI draws the picture. It is delivered with the signature of the artist and a"
            " certificate of your licence."
        ),
        _("The picture is private until you make it public."),
        _("If a picture fails, all its tokens are returned to you automatically."),
    ),
    links=(Link("/styles", _("See the styles")), Link("/refunds", _("Refund policy"))),
)
_TOKENS = Section(
    id="tokens",
    title=_("What a token costs"),
    paragraphs=(
        _(
            "A token costs between ₩%(cheapest_token)s and ₩%(dearest_token)s, depending on the"
            " package. A new account gets %(welcome_tokens)s tokens free of charge, once per"
            " person."
        ),
        _(
            "Each artist sets the price of a picture of %(square_side)s × %(square_side)s pixels,"
            " from %(lowest_price)s to %(highest_price)s tokens."
        ),
        _(
            "A larger picture costs as many times more as it has more pixels, but never more than"
            " %(highest_price)s tokens: Portrait %(portrait_factor)s times, Large"
            " %(large_factor)s times."
        ),
    ),
    table=Table.TOKENS,
)
_ARTISTS = Section(
    id="artists",
    title=_("For artists"),
    points=(
        _(
            "Upload at least %(least_artworks)s artworks and confirm that you hold the rights to"
            " them. They train your style. They are not licensed or passed on, and shown to others"
            " only if you choose some of them, as small copies."
        ),
        _(
            "Draw your signature. It is put on every picture in your style, visibly, at the bottom"
            " of the picture."
        ),
        _(
            "Training is free of charge. When it is finished, try the style in private, and put it"
            " on sale if you are content with it."
        ),
        _(
            "You choose the licences, a price for each and their last day, and you can stop the"
            " sale at any time. Licences that were sold stay valid."
        ),
    ),
    links=(Link("/become-artist", _("Become an artist")),),
)
_EARNINGS = Section(
    id="earnings",
    title=_("What an artist earns"),
    points=(
        _(
            "For each delivered picture you earn its whole price in tokens, whatever its size. This"
            " site deducts nothing."
        ),
        _("Earned tokens are in your wallet, apart from the tokens that you can spend."),
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
        _("The money of a payout is transferred within %(payout_days)s days of its request."),
        _(
            "You can withdraw a request for a payout until it is paid. If it is declined, or if the"
            " bank returns the money, you see the reason, and its tokens are earned tokens again."
        ),
        _(
            "If an administrator refunds a delivered picture to its buyer, its price is taken from"
            " your earned tokens, or from those that you have made available."
        ),
    ),
)
_SETS = Section(
    id="sets",
    title=_("Sets: one rule for a whole album"),
    points=(
        _(
            "Upload the photos of an album, choose a part such as the wall, and give it a colour,"
            " a material or a background. The rule is applied to all photos; what you protect stays"
            " as it is."
        ),
        _(
            "One photo costs one credit. %(welcome_credits)s credits are free, and you can begin"
            " without an account. If a photo fails or you cancel, its credit is returned."
        ),
        _(
            "A part painted in the style of an artist is also a licensed picture: it costs the"
            " price of the style in tokens, whatever its size, and needs an account."
        ),
        _("The files of an album are deleted %(album_days)s days after it was created."),
    ),
    table=Table.CREDITS,
    links=(Link("/sets", _("Open Sets")),),
)
_PLANS = Section(
    id="plans",
    title=_("Plans of Sets"),
    paragraphs=(
        _(
            "A purchase of Pro lasts %(pro_days)s days and includes %(pro_credits)s credits. It is"
            " not renewed automatically."
        ),
    ),
    table=Table.PLANS,
)
_MARKS = Section(
    id="marks",
    title=_("The signature and the invisible mark"),
    points=(
        _("The signature is the visible mark of the artist, at the bottom of each picture."),
        _(
            "The invisible mark is a number in the pixels of the picture and its preview. It"
            " usually survives scaling, cropping and saving again; a picture that was changed a lot"
            " can lose it."
        ),
        _(
            "The file also contains signed data (Content Credentials): that AI made the picture,"
            " in which style of which artist, and the address of its certificate. Many programs"
            " remove this data when they save a picture."
        ),
        _(
            "A mark alone proves nothing, because it can be copied. So a picture that is checked is"
            " also compared with the delivered one. If it is too changed for that, the result only"
            " says that the licence is probably valid."
        ),
        _(
            "Finished photos of Sets carry no invisible mark: their protected parts stay exactly as"
            " they were."
        ),
    ),
)
_CERTIFICATES = Section(
    id="certificates",
    title=_("How a certificate is checked"),
    points=(
        _(
            "Each delivered picture has a certificate with an address and a QR code that everybody"
            " can open. It says whether the licence is valid, has expired or was revoked."
        ),
        _(
            "Upload any picture to have it checked. Its file, its signed data, its invisible mark"
            " and its appearance are compared with the delivered pictures."
        ),
        _("The certificate shows the picture and its licensee only while the picture is public."),
        _("A picture that is not recognised may have been changed too much: that proves nothing."),
    ),
    links=(Link("/verify", _("Verify a picture")), Link("/licenses", _("Licences"))),
)
VERSIONS: Versions = {
    "2026-11-30": Document(
        title=_("How it works"),
        summary=_(
            "What buyers and artists do here, what a token costs, what an artist earns, and how a"
            " certificate is checked."
        ),
        sections=(
            _BUYERS,
            _TOKENS,
            _ARTISTS,
            _EARNINGS,
            _SETS,
            _PLANS,
            _MARKS,
            _CERTIFICATES,
        ),
    ),
}
