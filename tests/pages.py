"""Every page of the site in one list: what is checked, counted and photographed.

Addresses have parameters in braces; `tests.page_parameters` gives their values at a running site.
"""

from dataclasses import dataclass

VISITOR, BUYER, ARTIST, ADMINISTRATOR = "visitor", "buyer", "artist", "admin"
# Artists without a style, with one whose files never came, with one that could not be learned,
# with one that is trained and waits for them.
BEGINNER, SLOW, FAILED, DECIDING = "beginner", "slow", "failed", "deciding"
MOST_STATEMENTS = 12  # of a page, whoever asks and however much there is to show


@dataclass(frozen=True)
class Page:
    """A page as somebody sees it; `name` is that of its pictures.

    `refusals` are what its own scripts are answered when nothing is wrong.
    """

    name: str
    address: str
    who: str = VISITOR
    status: int = 200
    refusals: tuple[int, ...] = ()


PAGES = (
    Page("feed", "/"),
    Page("feed-popular", "/?sort=popular", BUYER),
    Page("feed-following", "/?following=true", BUYER),
    Page("feed-empty", "/?tags=nothing-has-this-tag"),
    Page("image", "/g/{image}"),
    Page("image-of-a-buyer", "/g/{image}", BUYER),
    Page("image-own", "/g/{own_image}", BUYER),
    Page("collection", "/collections/{collection}"),
    Page("collection-own", "/collections/{collection}", BUYER),
    Page("collections-of-an-image", "/g/{image}/collections", BUYER),
    Page("comment", "/comments/{comment}", BUYER),
    Page("report", "/report?target_type=generation&target_id={image}", BUYER),
    Page("report-of-a-visitor", "/report?target_type=generation&target_id={image}"),
    Page("styles", "/styles"),
    Page("styles-found", "/styles?q=pa"),
    Page("styles-of-an-artist", "/styles", ARTIST),
    Page("styles-narrowed", "/styles?license_type=personal&max_price=100&artist_id={artist}"),
    Page("style", "/styles/{style}"),
    Page("style-like", "/styles/{style}?like={image}", BUYER),
    Page("style-popular", "/styles/{style}?sort=popular"),
    Page("style-of-a-buyer", "/styles/{style}", BUYER),
    Page("style-own", "/styles/{style}", ARTIST),
    Page("style-waiting", "/styles/{waiting_style}", SLOW),
    Page("style-failed", "/styles/{failed_style}", FAILED),
    Page("style-trained", "/styles/{trained_style}", DECIDING),
    Page("style-try-outs", "/styles/{trained_style}/try-outs", DECIDING),
    Page("person", "/users/{artist}"),
    Page("person-buyer", "/users/{buyer}", ARTIST),
    Page("person-own", "/users/{artist}", ARTIST),
    Page("person-collections", "/users/{buyer}/collections"),
    Page("certificate", "/l/{certificate}"),
    Page("licence-terms", "/licenses/terms/{license_type}/{terms_version}"),
    Page("licences", "/licenses"),
    Page("licences-version", "/licenses/{terms_version}"),
    Page("how-it-works", "/how-it-works"),
    Page("how-it-works-version", "/how-it-works/{document_version}"),
    Page("terms", "/terms"),
    Page("terms-version", "/terms/{document_version}"),
    Page("privacy", "/privacy"),
    Page("privacy-version", "/privacy/{document_version}"),
    Page("refunds", "/refunds"),
    Page("refunds-version", "/refunds/{document_version}"),
    Page("contact", "/contact"),
    Page("my-licences", "/me/licenses", BUYER),
    Page("verify", "/verify"),
    Page("verification-forgotten", "/verify/V_23456789ABCDEFGH", status=404),
    Page("login", "/login"),
    Page("login-refused", "/login?error=access_denied"),
    Page("become-artist", "/become-artist", BUYER),
    Page("studio", "/studio", ARTIST),
    Page("studio-empty", "/studio", BEGINNER),
    Page("studio-new", "/studio/new", BEGINNER),
    Page("studio-new-taken", "/studio/new", ARTIST),
    Page("studio-new-waiting", "/studio/new", SLOW, refusals=(409,)),  # which files are missing
    Page("studio-signature", "/studio/signature", ARTIST),
    Page("studio-statistics", "/studio/styles/{style}/statistics?days=90", ARTIST),
    Page("studio-artworks", "/studio/styles/{style}/artworks", ARTIST),
    Page("sets", "/sets"),
    Page("sets-of-a-buyer", "/sets", BUYER),
    Page("album-of-somebody-else", "/sets/job_23456789ABCDEFGH"),
    Page("album-not-found", "/sets/job_23456789ABCDEFGH", BUYER, refusals=(404,)),
    Page("wallet", "/wallet", BUYER),
    Page("wallet-paid", "/wallet?order={purchase}&status=paid", BUYER),
    Page("wallet-pay", "/wallet/purchases/{open_purchase}/pay", BUYER),
    Page("wallet-artist", "/wallet", ARTIST),
    Page("me", "/me", BUYER),
    Page("me-liked", "/me?state=liked", BUYER),
    Page("me-collections", "/me?state=collections", BUYER),
    Page("me-artist", "/me", ARTIST),
    Page("me-settings", "/me/settings", BUYER),
    Page("me-settings-artist", "/me/settings", ARTIST),
    Page("me-keys", "/me/keys", BUYER),
    Page("me-webhooks", "/me/webhooks", BUYER),
    Page("artist-page", "/me/page", ARTIST),
    Page("me-leave", "/me/leave", BUYER),
    Page("notifications", "/notifications", ARTIST),
    Page("notification-settings", "/notifications/settings", ARTIST),
    Page("admin", "/admin", ADMINISTRATOR),
    Page("admin-hidden", "/admin/flagged", ADMINISTRATOR),
    Page("admin-people", "/admin/users", ADMINISTRATOR),
    Page("admin-person", "/admin/users/{buyer}", ADMINISTRATOR),
    Page("admin-styles", "/admin/styles", ADMINISTRATOR),
    Page("admin-images", "/admin/images", ADMINISTRATOR),
    Page("admin-comments", "/admin/comments", ADMINISTRATOR),
    Page("admin-tags", "/admin/tags", ADMINISTRATOR),
    Page("admin-collections", "/admin/collections", ADMINISTRATOR),
    Page("admin-artworks", "/admin/artworks", ADMINISTRATOR),
    Page("admin-ledger", "/admin/ledger", ADMINISTRATOR),
    Page("admin-payments", "/admin/payments", ADMINISTRATOR),
    Page("admin-payment", "/admin/payments/{purchase}", ADMINISTRATOR),
    Page("admin-payouts", "/admin/payouts", ADMINISTRATOR),
    Page("admin-refund", "/admin/refund", ADMINISTRATOR),
    Page("admin-operations", "/admin/operations", ADMINISTRATOR),
    Page("admin-log", "/admin/log", ADMINISTRATOR),
    Page("not-found", "/nowhere", status=404),
    Page("problem", "/?cursor=broken", status=422),
)
