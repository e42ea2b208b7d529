"""/refunds: what is refunded, by whom and until when."""

from dataclasses import replace

from flask_babel import lazy_gettext as _

from webapp.pages.site_documents.texts import Document, Link, Section, Versions

_PICTURES = Section(
    id="pictures",
    title=_("Pictures that are not delivered"),
    points=(
        _(
            "If a picture fails, its whole price is returned to your tokens automatically, and you"
            " are notified. You need not ask for it."
        ),
        _(
            "If you cancel a picture that nobody has begun to draw, its whole price is returned at"
            " once."
        ),
        _("Each picture of an order counts by itself: you pay only for those that are delivered."),
    ),
)
_DELIVERED = Section(
    id="delivered",
    title=_("Delivered pictures"),
    points=(
        _("The price of a delivered picture goes to its artist and is not refunded automatically."),
        _(
            "If something is wrong with a picture, ask us. An administrator can refund its whole"
            " price, which is then taken back from the artist."
        ),
        _("You keep a picture that was refunded, and its licence, unless the licence is revoked."),
    ),
    links=(Link("/contact", _("Contact")),),
)
_TOKENS = Section(
    id="tokens",
    title=_("Tokens that you bought"),
    points=(
        _(
            "A purchase is refunded on request as long as your available tokens are at least as"
            " many as it added. The tokens are taken back, and Toss Payments returns the whole"
            " price to your means of payment."
        ),
        _("A purchase is refunded as a whole. A part of it cannot be refunded."),
        _(
            "A purchase of which you have spent too many tokens is not refunded. Tokens that are"
            " held for pictures in progress are not available either."
        ),
        _(
            "Ask us with the day and the price of the payment; your wallet lists both. An"
            " administrator makes the refund."
        ),
    ),
    links=(Link("/contact", _("Contact")), Link("/wallet", _("Wallet"))),
)
_SETS = Section(
    id="sets",
    title=_("Sets"),
    points=(
        _("If a photo fails or you cancel, its credit is returned automatically."),
        _(
            "A purchase of credits is refunded on request as long as you have at least as many"
            " credits as it added."
        ),
        _(
            "The same holds for Pro: the refund takes back its %(pro_credits)s credits and"
            " %(pro_days)s days."
        ),
        _(
            "Parts that were painted in the style of an artist cost tokens. What is said above of"
            " pictures holds for them too."
        ),
    ),
)
_PAYMENTS = Section(
    id="payments",
    title=_("Payments that were not completed"),
    points=(
        _(
            "An open payment expires after %(payment_minutes)s minutes. Nothing is charged, and"
            " nothing is delivered."
        ),
        _(
            "If the connection breaks during a payment, this site asks Toss Payments for the result"
            " and delivers what was paid for."
        ),
        _(
            "If your account was closed while a payment was being confirmed, the payment is"
            " refunded automatically."
        ),
    ),
)
_DEADLINES = Section(
    id="deadlines",
    title=_("Deadlines"),
    points=(
        _("This site refuses no refund because of the date of the purchase."),
        _(
            "Tokens and credits have no expiry date. But an account of Sets without sign-in is"
            " deleted with its credits after %(unused_days)s days without use."
        ),
        _(
            "If you close your account, you lose its tokens and credits. Ask for a refund or a"
            " payout before."
        ),
        _("Rights that the law gives you are not limited by this policy."),
    ),
)
_TOKENS_BY_REQUEST = replace(
    _TOKENS,
    points=(
        *_TOKENS.points[:-1],
        _(
            "Ask for it in your wallet, beside the payment. An administrator makes the refund or"
            " says why not, and you are notified. Until then you can withdraw the request."
        ),
    ),
    links=(Link("/wallet#purchases-title", _("Wallet")),),
)
_SETS_BY_REQUEST = replace(
    _SETS,
    points=(
        *_SETS.points[:3],
        _("Ask for it in your wallet, beside the payment, as for tokens."),
        *_SETS.points[3:],
    ),
)
_OF_NOVEMBER_30 = Document(
    title=_("Refund policy"),
    summary=_("When you get tokens, credits or money back, and what you need to do for it."),
    sections=(_PICTURES, _DELIVERED, _TOKENS, _SETS, _PAYMENTS, _DEADLINES),
)
VERSIONS: Versions = {
    "2026-12-01": replace(
        _OF_NOVEMBER_30,
        sections=(
            _PICTURES,
            _DELIVERED,
            _TOKENS_BY_REQUEST,
            _SETS_BY_REQUEST,
            _PAYMENTS,
            _DEADLINES,
        ),
    ),
    "2026-11-30": _OF_NOVEMBER_30,
}
