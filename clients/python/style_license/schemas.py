"""What the site answers and what requests contain, as it is in JSON.

Generated from the OpenAPI document by `make python-client`.
Dates and times are strings in the format of ISO 8601.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

# The result of the check of one artwork.
ArtworkStatus: TypeAlias = Literal["pending", "valid", "rejected"]


# The three offered aspect ratios; `size` is width and height in pixels.
AspectRatio: TypeAlias = Literal["1:1", "2:2", "1:2"]


# private: not chosen; hidden: by an administrator; preparing and failed: its preview.
ChoiceState: TypeAlias = Literal["private", "preparing", "ready", "failed", "hidden"]


# The status of a generation; changed only by `pipelines.advance_generation`.
GenerationStatus: TypeAlias = Literal[
    "queued", "processing", "retrying", "completed", "failed", "canceled"
]


# The licences of certificates: those on offer, and one that is no longer sold.
IssuedLicense: TypeAlias = Literal["personal", "commercial", "exclusive"]


# queued: will be published; running: leased to one worker; the others are final.
JobState: TypeAlias = Literal["queued", "running", "done", "failed", "canceled"]


# What was examined. METADATA only proposes certificates; WATERMARK_SEARCH is the deep one.
Layer: TypeAlias = Literal[
    "hash", "credentials", "metadata", "watermark", "perceptual", "watermark_search"
]


# How well one aspect of a style is learned; only edges can be stronger than the artworks'.
Learned: TypeAlias = Literal["well", "partly", "hardly", "overdone"]


# How a buyer may use an image.
LicenseType: TypeAlias = Literal["personal", "commercial"]


# What connects an uploaded picture with a certificate, the strongest first.
Method: TypeAlias = Literal["hash", "credentials", "watermark", "perceptual", "twin"]


# What was noticed and proves nothing. No note names a certificate.
Note: TypeAlias = Literal[
    "credentials_invalid",
    "credentials_untrusted",
    "certificate_unknown",
    "certificate_of_other_picture",
    "mark_unknown",
    "mark_of_other_picture",
    "mark_of_deleted_picture",
]


# When a trained style goes on sale: when its artist publishes it, or after training.
PublishWhen: TypeAlias = Literal["by_artist", "when_trained"]


# What a user may do.
Role: TypeAlias = Literal["user", "artist", "admin"]


# Why a deep search has no answer.
SearchFailure: TypeAlias = Literal["expired", "timeout", "internal"]


# How a deep search stands.
SearchStatus: TypeAlias = Literal["queued", "running", "done", "failed"]


# The status of a style; changed only by `pipelines.advance_style`.
TrainingStatus: TypeAlias = Literal["pending", "training", "trained", "completed", "failed"]


class ArtistOfFoundStyle(TypedDict):
    """Whose style was found."""

    id: int
    artist_name: str


class ArtistOfImage(TypedDict):
    """Whose style an image is made in."""

    id: int
    artist_name: str


class ArtistOfPerson(TypedDict):
    """The artist side of a person."""

    id: int
    artist_name: str
    follower_count: int


class ArtistOfStyle(TypedDict):
    """Whose style it is."""

    id: int
    username: str
    artist_name: str
    profile_image: str | None
    follower_count: int


class ArtworkChoice(TypedDict):
    """An accepted artwork as its artist sees it."""

    artwork_id: int
    filename: str
    url: str | None
    # null: not chosen
    place: int | None
    # may be empty
    title: str
    # private: not chosen; preparing and failed: its preview; hidden: by an administrator
    state: ChoiceState


class ArtworkChoices(TypedDict):
    """GET and PUT /styles/:id/shown-artworks: all accepted artworks of a style."""

    style_id: int
    style_name: str
    # whether others see the chosen ones: while pictures can be ordered in the style
    is_shown: bool
    artworks: list[ArtworkChoice]


class ArtworkView(TypedDict):
    """One training image, shown to its artist only."""

    id: int
    idx: int
    filename: str
    url: str | None
    tags: list[str]
    status: ArtworkStatus
    code: str | None
    # the artwork that this one is the same as, or nearly the same
    twin_idx: int | None
    width: int | None
    height: int | None


class AwaitedStyleView(TypedDict):
    """A style that waits for its files."""

    id: int
    name: str
    description: str
    thumbnail_url: str | None
    artist: ArtistOfStyle
    training_status: TrainingStatus
    # of license_type, of 512×512 pixels: the lowest
    price_tokens: int
    generation_cost_tokens: int
    # of orders that choose none
    license_type: LicenseType
    prices: PricesOfStyle
    usage_count: int
    tags: list[str]
    created_at: str
    # a day of the market: it begins at midnight in Asia/Seoul, unless configured otherwise
    valid_from: str
    valid_to: str | None
    is_active: bool
    progress: TrainingProgress | None
    updated_at: str
    stats: StyleNumbers
    # trained on other weights than are in use: not drawn any more
    is_outdated: bool
    sample_images: list[str]
    # the same without the style, if known
    base_sample_images: list[str]
    # artworks that the artist shows; no licence covers them
    shown_artworks: list[ShownArtworkView]
    artwork_count: int
    artworks: list[ArtworkView]
    validation: Validation
    training_metric: dict[str, float] | None
    training_log: TrainingLog | None
    rights: RightsStatement | None
    publish: PublishWhen
    # to choose from, the earliest first
    checkpoints: list[KeptCheckpoint]
    # the step of the one that is sold
    checkpoint: int | None
    try_outs: list[TryOutView]
    try_outs_left: int
    attempt: int
    failure: TrainingFailed | None
    uploads: list[UploadTarget]
    confirm_url: str


class Balance(TypedDict):
    """GET /tokens/balance."""

    user_id: int
    token_balance: int
    escrowed_tokens: int
    earned_token_balance: int


class Batch(TypedDict):
    """What was ordered together."""

    id: str
    count: int
    generation_ids: list[int]
    total_price_tokens: int


class CertificateView(TypedDict):
    """GET /licenses/:public_id: it names the buyer and the image only while the image is public."""

    public_id: str
    status: Literal["valid", "expired", "revoked"]
    license_type: IssuedLicense
    terms_version: str
    # a day of the market: it begins at midnight in Asia/Seoul, unless configured otherwise
    valid_from: str
    valid_to: str | None
    issued_at: str
    revoked_at: str | None
    artist: ArtistOfImage
    style: LicensedStyle
    # the username
    licensee: str | None
    # the display name
    licensee_name: str | None
    # the name given with the order
    licensee_legal_name: str | None
    image: LicensedImage
    # of an image that was painted for a photo
    photo: RestyledPhoto | None
    generation_id: int | None
    preview_url: str | None
    adapter_sha256: str
    base_model: str
    signature_applied: Literal[True]
    # the number in its watermark; null if it was delivered without one
    watermark_id: str | None


class Checkpoint(TypedDict):
    """A step at which a training was measured, and what it drew there."""

    step: int
    held_out_loss: float | None
    samples: list[str]


class ChosenArtwork(TypedDict):
    """An artwork that is to be shown."""

    artwork_id: int
    # what it shows, for those who cannot see it
    title: NotRequired[str]


class CollectionView(TypedDict):
    """A collection as its viewer sees it.

    `picture_count` and `cover_url` are of the pictures that are public, and of the viewer's own.
    `is_hidden`: an administrator has hidden it; only its owner and administrators see it.
    """

    id: int
    name: str
    description: str
    is_public: bool
    is_hidden: bool
    user: Person
    picture_count: int
    cover_url: str | None
    created_at: str
    updated_at: str


class CommentView(TypedDict):
    """A comment with its first replies."""

    id: int
    user: Person
    content: str | None
    is_hidden: bool
    created_at: str
    updated_at: str
    parent_id: int | None
    reply_count: int
    replies: list[Reply]


class DeclaredFileBody(TypedDict):
    """One file that will be uploaded straight to storage."""

    filename: str
    size: int
    content_type: Literal["image/png", "image/jpeg"]
    tags: NotRequired[list[str]]


class DeepSearchView(TypedDict):
    """GET /verify/:id: a search for the watermark of a cropped, framed or rotated picture.

    `report` is there once it is done; `failure` says why there is none: the picture was discarded
    before its turn, the time was not enough, or something of ours failed.
    """

    id: str
    status: SearchStatus
    failure: SearchFailure | None
    report: VerificationReport | None


class FeedCard(TypedDict):
    """One image of the feed."""

    id: int
    user: Person
    style: StyleOfImage
    preview_url: str | None
    thumbnail_url: str | None
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    description: str
    tags: list[str]
    like_count: int
    comment_count: int
    is_liked: bool
    created_at: str


class Found(TypedDict):
    """GET /search."""

    styles: list[FoundStyle]
    artists: list[FoundArtist]
    next_cursor: str | None
    has_more: bool


class FoundArtist(TypedDict):
    """An artist, and where the text was found."""

    id: int
    username: str
    artist_name: str
    profile_image: str | None
    follower_count: int
    matched_by: Literal["artist_name", "username"]


class FoundStyle(TypedDict):
    """A style, and where the text was found."""

    id: int
    name: str
    thumbnail_url: str | None
    artist: ArtistOfFoundStyle
    # the lowest, of 512×512 pixels
    price_tokens: int
    generation_cost_tokens: int
    prices: PricesOfStyle
    usage_count: int
    matched_by: Literal["name", "tag"]


class GainView(TypedDict):
    """How much was learned: shares of the way from the base model's pictures to the artworks.

    `edges` is the share of the artworks' high-frequency energy; 1 is equal.
    """

    palette: float
    texture: float
    edges: float
    learned: LearnedView
    # look twice before you sell it
    is_low: bool
    summary: str


class GenerationFailed(TypedDict):
    """Why there is no image."""

    code: Literal["GENERATION_FAILED"]
    cause: str | None
    message: str | None


class GenerationOfTransaction(TypedDict):
    """The image that tokens moved for."""

    id: int
    thumbnail_url: str | None


class GenerationView(TypedDict):
    """One image as others see it."""

    id: int
    user: Person
    style: StyleOfImage
    status: GenerationStatus
    progress: RenderingProgress | None
    prompt_tags: list[str]
    description: str
    aspect_ratio: AspectRatio
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    seed: int
    style_strength: float
    # the full file: for its licensee, artist and administrators; else null
    result_url: str | None
    preview_url: str | None
    thumbnail_url: str | None
    is_public: bool
    like_count: int
    comment_count: int
    is_liked: bool
    license: LicenseOfImage | None
    created_at: str
    updated_at: str
    completed_at: str | None


class KeptCheckpoint(TypedDict):
    """One of the last checkpoints of a training, with all samples drawn with it."""

    step: int
    held_out_loss: float | None
    adapter_sha256: str
    # in bytes
    adapter_size: int
    samples: list[str]
    # null where it was not measured
    gain: GainView | None


class KoreanWord(TypedDict):
    """A Korean word, and the tag that stands for it; blanks inside the word do not count."""

    korean: str
    tag: str


class LearnedView(TypedDict):
    """What the numbers of a gain mean."""

    palette: Learned
    texture: Learned
    edges: Learned


class LicenseOfImage(TypedDict):
    """The certificate of a delivered image."""

    public_id: str
    url: str


class LicensedImage(TypedDict):
    """What tells the delivered image apart from every other."""

    sha256: str
    width: int
    height: int
    perceptual_hash: str


class LicensedStyle(TypedDict):
    """The style an image was made in."""

    id: int
    name: str


class NewPrices(TypedDict):
    """The licences that a style sells from now on, each with its price.

    It is the price of a picture of 512×512 pixels; more pixels cost as many times more.
    """

    # null: not sold
    personal: NotRequired[int | None]
    # null: not sold; not less than the personal one
    commercial: NotRequired[int | None]


class OrderPreview(TypedDict):
    """POST /generations/preview: nothing is charged.

    `unknown_tags` may not be recognised; an order of which no word is known is refused.
    `owned_generation_ids` are images that the asker has of the same pictures.
    """

    total_price_tokens: int
    unknown_tags: list[str]
    is_any_known: bool
    owned_generation_ids: list[int]


class OrderedGeneration(TypedDict):
    """POST /generations: the first image, with all that was ordered.

    `unknown_tags` are those that may not be recognised.
    """

    id: int
    user: Person
    style: StyleOfImage
    status: GenerationStatus
    progress: RenderingProgress | None
    prompt_tags: list[str]
    description: str
    aspect_ratio: AspectRatio
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    seed: int
    style_strength: float
    # the full file: for its licensee, artist and administrators; else null
    result_url: str | None
    preview_url: str | None
    thumbnail_url: str | None
    is_public: bool
    like_count: int
    comment_count: int
    is_liked: bool
    license: LicenseOfImage | None
    created_at: str
    updated_at: str
    completed_at: str | None
    negative_tags: list[str]
    price_tokens: int
    consumed_tokens: int
    license_type: IssuedLicense
    refunded: bool
    attempt: int
    next_retry_at: str | None
    # pictures that will be claimed before; null unless it waits
    queue_ahead: int | None
    # until it has probably ended; null where that is not known
    expected_seconds: int | None
    failure: GenerationFailed | None
    batch_id: str
    # a free private picture of its artist, before the style is sold
    is_try_out: bool
    # an administrator has hidden it: nobody else sees it
    is_flagged: bool
    batch: Batch
    unknown_tags: list[str]


class OwnGenerationView(TypedDict):
    """One image as its owner sees it."""

    id: int
    user: Person
    style: StyleOfImage
    status: GenerationStatus
    progress: RenderingProgress | None
    prompt_tags: list[str]
    description: str
    aspect_ratio: AspectRatio
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    seed: int
    style_strength: float
    # the full file: for its licensee, artist and administrators; else null
    result_url: str | None
    preview_url: str | None
    thumbnail_url: str | None
    is_public: bool
    like_count: int
    comment_count: int
    is_liked: bool
    license: LicenseOfImage | None
    created_at: str
    updated_at: str
    completed_at: str | None
    negative_tags: list[str]
    price_tokens: int
    consumed_tokens: int
    license_type: IssuedLicense
    refunded: bool
    attempt: int
    next_retry_at: str | None
    # pictures that will be claimed before; null unless it waits
    queue_ahead: int | None
    # until it has probably ended; null where that is not known
    expected_seconds: int | None
    failure: GenerationFailed | None
    batch_id: str
    # a free private picture of its artist, before the style is sold
    is_try_out: bool
    # an administrator has hidden it: nobody else sees it
    is_flagged: bool


class OwnStyleCard(TypedDict):
    """One of the artist's own styles."""

    id: int
    name: str
    description: str
    thumbnail_url: str | None
    artist: ArtistOfStyle
    training_status: TrainingStatus
    # of license_type, of 512×512 pixels: the lowest
    price_tokens: int
    generation_cost_tokens: int
    # of orders that choose none
    license_type: LicenseType
    prices: PricesOfStyle
    usage_count: int
    tags: list[str]
    created_at: str
    is_active: bool
    progress: TrainingProgress | None
    failure: TrainingFailed | None
    total_earned_tokens: int


class OwnStyleView(TypedDict):
    """One style as its artist sees it."""

    id: int
    name: str
    description: str
    thumbnail_url: str | None
    artist: ArtistOfStyle
    training_status: TrainingStatus
    # of license_type, of 512×512 pixels: the lowest
    price_tokens: int
    generation_cost_tokens: int
    # of orders that choose none
    license_type: LicenseType
    prices: PricesOfStyle
    usage_count: int
    tags: list[str]
    created_at: str
    # a day of the market: it begins at midnight in Asia/Seoul, unless configured otherwise
    valid_from: str
    valid_to: str | None
    is_active: bool
    progress: TrainingProgress | None
    updated_at: str
    stats: StyleNumbers
    # trained on other weights than are in use: not drawn any more
    is_outdated: bool
    sample_images: list[str]
    # the same without the style, if known
    base_sample_images: list[str]
    # artworks that the artist shows; no licence covers them
    shown_artworks: list[ShownArtworkView]
    artwork_count: int
    artworks: list[ArtworkView]
    validation: Validation
    training_metric: dict[str, float] | None
    training_log: TrainingLog | None
    rights: RightsStatement | None
    publish: PublishWhen
    # to choose from, the earliest first
    checkpoints: list[KeptCheckpoint]
    # the step of the one that is sold
    checkpoint: int | None
    try_outs: list[TryOutView]
    try_outs_left: int
    attempt: int
    failure: TrainingFailed | None


class PackageView(TypedDict):
    """Tokens for money, as offered; prices in KRW."""

    package_id: str
    amount_tokens: int
    total_price: int
    price_per_token: int
    discount_percent: int
    currency_code: Literal["KRW"]


class Person(TypedDict):
    """A user, as others see them beside their images."""

    id: int
    username: str
    # in any script; not unique
    display_name: str
    profile_image: str | None


class PersonFollowed(TypedDict):
    """One of those whom one follows."""

    id: int
    username: str
    # in any script; not unique
    display_name: str
    profile_image: str | None
    role: Role
    artist_name: str | None
    follower_count: int
    followed_at: str


class PersonNumbers(TypedDict):
    """What a person made, and how many they follow."""

    total_generations: int
    public_generations: int
    following_count: int


class PersonView(TypedDict):
    """GET /users/:id."""

    id: int
    username: str
    # in any script; not unique
    display_name: str
    profile_image: str | None
    bio: str
    role: Role
    created_at: str
    is_following: bool | None
    artist: ArtistOfPerson | None
    stats: PersonNumbers


class PricesOfStyle(TypedDict):
    """The price of each licence of a style, of a picture of 512×512 pixels; null: not sold."""

    personal: int | None
    commercial: int | None


class RecommendedTag(TypedDict):
    """A tag to prompt a style with: from its latest images, or from what it was trained on."""

    name: str
    source: Literal["usage", "training"]
    score: float


class RenderingProgress(TypedDict):
    """The progress of a rendering."""

    current_step: int
    total_steps: int
    progress_percent: int
    estimated_seconds: NotRequired[int | None]
    last_updated: str


class Reply(TypedDict):
    """A reply beside its comment; it has no replies."""

    id: int
    user: Person
    content: str | None
    is_hidden: bool
    created_at: str
    updated_at: str
    parent_id: int
    reply_count: Literal[0]
    replies: list[Reply]


class RestyledPhoto(TypedDict):
    """The photo that a part was painted of: the hash of its file, and the preset's part."""

    sha256: str
    concept: str | None


class RevocationView(TypedDict):
    """GET /licenses/revoked: one certificate that is revoked."""

    public_id: str
    revoked_at: str


class RightsStatement(TypedDict):
    """What the artist stated about the artworks."""

    statement: str
    version: str
    agreed_at: str


class ShownArtworkView(TypedDict):
    """A preview of an artwork, in the place that its artist gave it."""

    place: int
    # may be empty
    title: str
    url: str
    width: int
    height: int
    style: StyleOfArtwork


class StyleCard(TypedDict):
    """One style of the catalogue."""

    id: int
    name: str
    description: str
    thumbnail_url: str | None
    artist: ArtistOfStyle
    training_status: TrainingStatus
    # of license_type, of 512×512 pixels: the lowest
    price_tokens: int
    generation_cost_tokens: int
    # of orders that choose none
    license_type: LicenseType
    prices: PricesOfStyle
    usage_count: int
    tags: list[str]
    created_at: str


class StyleNumbers(TypedDict):
    """How a style is received."""

    total_generations: int
    avg_likes: float


class StyleOfArtwork(TypedDict):
    """The style that was learned from an artwork."""

    id: int
    name: str


class StyleOfImage(TypedDict):
    """The style an image is made in."""

    id: int
    name: str
    artist: ArtistOfImage


class StyleOfTransaction(TypedDict):
    """The style that tokens moved for."""

    id: int
    name: str


class StyleView(TypedDict):
    """One style as everybody sees it."""

    id: int
    name: str
    description: str
    thumbnail_url: str | None
    artist: ArtistOfStyle
    training_status: TrainingStatus
    # of license_type, of 512×512 pixels: the lowest
    price_tokens: int
    generation_cost_tokens: int
    # of orders that choose none
    license_type: LicenseType
    prices: PricesOfStyle
    usage_count: int
    tags: list[str]
    created_at: str
    # a day of the market: it begins at midnight in Asia/Seoul, unless configured otherwise
    valid_from: str
    valid_to: str | None
    is_active: bool
    progress: TrainingProgress | None
    updated_at: str
    stats: StyleNumbers
    # trained on other weights than are in use: not drawn any more
    is_outdated: bool
    sample_images: list[str]
    # the same without the style, if known
    base_sample_images: list[str]
    # artworks that the artist shows; no licence covers them
    shown_artworks: list[ShownArtworkView]


class TagCard(TypedDict):
    """One tag of a list."""

    id: int
    name: str
    usage_count: int


class TagView(TypedDict):
    """GET /tags/:id."""

    id: int
    name: str
    usage_count: int
    style_count: int
    created_at: str


class TrainingFailed(TypedDict):
    """Why a style could not be learned."""

    code: Literal["TRAINING_FAILED"]
    cause: str | None
    message: str | None


class TrainingLog(TypedDict):
    """The newest run: its stage, its curve of [step, loss, held-out loss], its samples."""

    step: str
    tries: int
    state: JobState | None
    waits_for_uploads: bool
    # trainings that will be claimed before; null unless it waits
    queue_ahead: int | None
    # until it has probably ended; null where that is not known
    expected_seconds: int | None
    losses: list[list[float | None]]
    samples: list[str]
    checkpoints: list[Checkpoint]


class TrainingProgress(TypedDict):
    """The progress of a training."""

    current_epoch: int
    total_epochs: int
    progress_percent: int
    estimated_seconds: NotRequired[int | None]
    last_updated: str


class TransactionView(TypedDict):
    """One move of tokens, seen from one side."""

    id: int
    type: Literal["purchase", "usage", "refund", "earning", "payout", "bonus", "credit"]
    direction: Literal["in", "out"]
    amount: int
    unit: Literal["token", "credit"]
    status: Literal["pending", "completed", "refunded"]
    memo: str
    balance_after: int
    order_id: str | None
    related_style: StyleOfTransaction | None
    related_generation: GenerationOfTransaction | None
    related_job_id: str | None
    created_at: str


class TryOutFailed(TypedDict):
    """Why there is no try-out; it was not counted."""

    code: Literal["GENERATION_FAILED"]
    cause: str | None
    message: str | None


class TryOutProgress(TypedDict):
    """The progress of the rendering of a try-out."""

    current_step: int
    total_steps: int
    progress_percent: int
    estimated_seconds: NotRequired[int | None]
    last_updated: str


class TryOutView(TypedDict):
    """A free private picture of the artist; also at GET /generations/:id."""

    id: int
    # the step of the checkpoint it is drawn with
    checkpoint: int
    status: GenerationStatus
    progress: TryOutProgress | None
    prompt_tags: list[str]
    negative_tags: list[str]
    aspect_ratio: AspectRatio
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    seed: int
    style_strength: float
    result_url: str | None
    preview_url: str | None
    thumbnail_url: str | None
    failure: TryOutFailed | None
    created_at: str


class TryOuts(TypedDict):
    """POST /styles/:id/try-outs: all of the style, the newest first."""

    style_id: int
    try_outs: list[TryOutView]
    # of this training
    try_outs_left: int


class UploadTarget(TypedDict):
    """Where one declared file is to be put."""

    artwork_id: int
    idx: int
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: str


class Validation(TypedDict):
    """How many training images are judged, and how."""

    total: int
    pending: int
    valid: int
    rejected: int


class VerificationReport(TypedDict):
    """What was found. Revoked certificates stand first, then expired ones, then the surest.

    An empty list proves nothing: the picture may be too changed. `notes` are no matches: what was
    noticed of credentials, metadata and marks that do not belong to this picture.
    """

    matches: list[VerifiedLicense]
    checked: list[Layer]
    notes: list[Note]


class VerificationView(TypedDict):
    """POST /verify: the report of the quick layers; where they found nothing, the deep search."""

    matches: list[VerifiedLicense]
    checked: list[Layer]
    notes: list[Note]
    deep: DeepSearchView | None


class VerifiedLicense(TypedDict):
    """One certificate of the uploaded picture. `method` says what proves it.

    hash: the very file that was delivered. credentials: signed Content Credentials of ours.
    watermark: its number, and the picture is not another one. perceptual: laid over the delivered
    picture, the two are one. twin: ordered with the same settings as the picture of another match,
    but not compared. A confidence of at most 0.9 means that no comparison has confirmed it.
    """

    public_id: str
    license_url: str
    method: Method
    confidence: float
    status: Literal["valid", "expired", "revoked"]
    # its last day; with `expired` a day that is over
    valid_to: str | None
    revoked_at: str | None
    artist_name: str
    style_name: str
    issued_at: str


class VisibilityChanged(TypedDict):
    """POST /generations/visibility: `changed_ids` are those that were not so before."""

    changed_ids: list[int]
