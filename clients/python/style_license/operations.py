"""The operations of a site that an API key may call, by their groups.

Generated from the OpenAPI document by `make python-client`.
A parameter that is None is not sent.
"""
# What the transport returns is Any: its type is that of the document.
# mypy: disable-error-code="no-any-return"

from collections.abc import Mapping, Sequence
from typing import Literal

from style_license import schemas
from style_license.transport import File, Listing, Null, Transport, new_key, segment


class Collections:
    """Named lists of pictures, private or public."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        name: str,
        description: str | None = None,
        is_public: bool | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.CollectionView:
        """Make an empty collection; a person has at most 100.

        POST /collections. API key: manage. Access: signed in.
        """
        return self._transport.call(
            "POST",
            "/collections",
            json={"name": name, "description": description, "is_public": is_public},
            idempotency_key=idempotency_key or new_key(),
        )

    def list_own(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> Listing[schemas.CollectionView]:
        """List the user's own collections, newest first.

        GET /collections. API key: read. Access: signed in.
        """
        return self._transport.listing("/collections", {"cursor": cursor, "limit": limit})

    def read(self, collection_id: int) -> schemas.CollectionView:
        """Return a public collection, or one of the user's own.

        GET /collections/{collection_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/collections/{segment(collection_id)}")

    def edit(
        self,
        collection_id: int,
        *,
        name: str | Null | None = None,
        description: str | Null | None = None,
        is_public: bool | Null | None = None,
    ) -> schemas.CollectionView:
        """Rename or describe an own collection, or make it public or private.

        PATCH /collections/{collection_id}. API key: manage. Access: signed in.
        """
        return self._transport.call(
            "PATCH",
            f"/collections/{segment(collection_id)}",
            json={"name": name, "description": description, "is_public": is_public},
        )

    def delete(self, collection_id: int) -> None:
        """Delete an own collection; its pictures stay where they are.

        DELETE /collections/{collection_id}. API key: manage. Access: signed in.
        """
        self._transport.call("DELETE", f"/collections/{segment(collection_id)}")

    def list_pictures(
        self,
        collection_id: int,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        sort: Literal["newest", "oldest"] | None = None,
    ) -> Listing[schemas.FeedCard]:
        """List the pictures of a collection, the newest addition first.

        GET /collections/{collection_id}/pictures. API key: read. Access: public.
        """
        return self._transport.listing(
            f"/collections/{segment(collection_id)}/pictures",
            {"cursor": cursor, "limit": limit, "sort": sort},
        )

    def add(self, collection_id: int, generation_id: int) -> schemas.CollectionView:
        """Put an own or a public picture into an own collection, which holds at most 500.

        PUT /collections/{collection_id}/pictures/{generation_id}. API key: manage. Access: signed
        in.
        """
        return self._transport.call(
            "PUT", f"/collections/{segment(collection_id)}/pictures/{segment(generation_id)}"
        )

    def remove(self, collection_id: int, generation_id: int) -> None:
        """Take a picture out of an own collection.

        DELETE /collections/{collection_id}/pictures/{generation_id}. API key: manage. Access:
        signed in.
        """
        self._transport.call(
            "DELETE", f"/collections/{segment(collection_id)}/pictures/{segment(generation_id)}"
        )


class Comments:
    """Comments on public pictures and replies to them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_comments(
        self,
        generation_id: int,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        parent_id: int | None = None,
    ) -> Listing[schemas.CommentView]:
        """List the comments of an image, or the replies of one.

        GET /generations/{generation_id}/comments. API key: read. Access: public.
        """
        return self._transport.listing(
            f"/generations/{segment(generation_id)}/comments",
            {"cursor": cursor, "limit": limit, "parent_id": parent_id},
        )


class Follows:
    """Follow users, and list whom the caller follows."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_following(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> Listing[schemas.PersonFollowed]:
        """List whom one follows, the latest first.

        GET /users/me/following. API key: read. Access: signed in.
        """
        return self._transport.listing("/users/me/following", {"cursor": cursor, "limit": limit})


class Generations:
    """Order pictures, list and download them, and read the public feed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        prompt_tags: Sequence[str],
        style_id: int,
        negative_tags: Sequence[str] | None = None,
        aspect_ratio: schemas.AspectRatio | None = None,
        seed: int | None = None,
        style_strength: float | None = None,
        count: int | None = None,
        license_type: schemas.LicenseType | None = None,
        description: str | None = None,
        expected_price_tokens: int | None = None,
        allow_duplicate: bool | None = None,
        legal_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.OrderedGeneration:
        """Order one to four pictures.

        POST /generations. API key: order. Access: signed in.

        * `aspect_ratio`: the price grows with the pixels: 1:1 ×1, 2:2 ×4, 1:2 ×2, at most 10000
        * `license_type`: personal by default, if the style sells it, else commercial
        * `expected_price_tokens`: of one picture with the chosen licence and aspect ratio
        * `legal_name`: of the person or company that takes the licence, for its certificate
        """
        return self._transport.call(
            "POST",
            "/generations",
            json={
                "prompt_tags": prompt_tags,
                "negative_tags": negative_tags,
                "aspect_ratio": aspect_ratio,
                "seed": seed,
                "style_strength": style_strength,
                "count": count,
                "style_id": style_id,
                "license_type": license_type,
                "description": description,
                "expected_price_tokens": expected_price_tokens,
                "allow_duplicate": allow_duplicate,
                "legal_name": legal_name,
            },
            idempotency_key=idempotency_key or new_key(),
        )

    def feed(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        sort: Literal["recent", "popular", "created_at"] | None = None,
        tags: Sequence[str] | None = None,
        tags_any: Sequence[str] | None = None,
        style_id: int | None = None,
        artist_id: int | None = None,
        user_id: int | None = None,
        aspect_ratio: schemas.AspectRatio | None = None,
        following: bool | None = None,
    ) -> Listing[schemas.FeedCard]:
        """List public pictures.

        GET /generations/feed. API key: read. Access: public.
        """
        return self._transport.listing(
            "/generations/feed",
            {
                "cursor": cursor,
                "limit": limit,
                "sort": sort,
                "tags": tags,
                "tags_any": tags_any,
                "style_id": style_id,
                "artist_id": artist_id,
                "user_id": user_id,
                "aspect_ratio": aspect_ratio,
                "following": following,
            },
        )

    def list_own(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        status: schemas.GenerationStatus | Literal["all"] | None = None,
        is_public: bool | Literal["all"] | None = None,
        style_id: int | None = None,
    ) -> Listing[schemas.OwnGenerationView]:
        """List the user's own pictures.

        GET /generations/me. API key: read. Access: signed in.
        """
        return self._transport.listing(
            "/generations/me",
            {
                "cursor": cursor,
                "limit": limit,
                "status": status,
                "is_public": is_public,
                "style_id": style_id,
            },
        )

    def preview(
        self,
        *,
        prompt_tags: Sequence[str],
        style_id: int,
        negative_tags: Sequence[str] | None = None,
        aspect_ratio: schemas.AspectRatio | None = None,
        seed: int | None = None,
        style_strength: float | None = None,
        count: int | None = None,
        license_type: schemas.LicenseType | None = None,
    ) -> schemas.OrderPreview:
        """Return the price of an order, its unknown tags, and pictures of it owned already.

        POST /generations/preview. API key: read. Access: public.

        * `aspect_ratio`: the price grows with the pixels: 1:1 ×1, 2:2 ×4, 1:2 ×2, at most 10000
        * `license_type`: personal by default, if the style sells it, else commercial
        """
        return self._transport.call(
            "POST",
            "/generations/preview",
            json={
                "prompt_tags": prompt_tags,
                "negative_tags": negative_tags,
                "aspect_ratio": aspect_ratio,
                "seed": seed,
                "style_strength": style_strength,
                "count": count,
                "style_id": style_id,
                "license_type": license_type,
            },
        )

    def change_visibility(
        self, *, generation_ids: Sequence[int], is_public: bool
    ) -> schemas.VisibilityChanged:
        """Make several of the user's own pictures public or private: all of them, or none.

        POST /generations/visibility. API key: manage. Access: signed in.
        """
        return self._transport.call(
            "POST",
            "/generations/visibility",
            json={"generation_ids": generation_ids, "is_public": is_public},
        )

    def read(self, generation_id: int) -> schemas.GenerationView | schemas.OwnGenerationView:
        """Return one picture with its status and progress.

        GET /generations/{generation_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/generations/{segment(generation_id)}")

    def edit(
        self,
        generation_id: int,
        *,
        is_public: bool | Null | None = None,
        description: str | Null | None = None,
    ) -> schemas.OwnGenerationView:
        """Make the user's own picture public or private, or set its description.

        PATCH /generations/{generation_id}. API key: manage. Access: signed in.
        """
        return self._transport.call(
            "PATCH",
            f"/generations/{segment(generation_id)}",
            json={"is_public": is_public, "description": description},
        )

    def cancel(self, generation_id: int) -> schemas.OwnGenerationView:
        """Cancel a picture that no worker has claimed.

        POST /generations/{generation_id}/cancel. API key: order. Access: signed in.
        """
        return self._transport.call("POST", f"/generations/{segment(generation_id)}/cancel")

    def read_image(
        self,
        generation_id: int,
        *,
        variant: Literal["full", "preview", "thumb"] | None = None,
        download: bool | None = None,
    ) -> bytes:
        """Redirect to the file; only its owner, the artist and administrators get the full one.

        GET /generations/{generation_id}/image. API key: read. Access: public.
        """
        return self._transport.download(
            f"/generations/{segment(generation_id)}/image",
            query={"variant": variant, "download": download},
        )


class Licenses:
    """Certificates of pictures, and the list of revoked ones."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_revoked(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> Listing[schemas.RevocationView]:
        """List the revoked certificates, the newest revocations first.

        GET /licenses/revoked. API key: read. Access: public.
        """
        return self._transport.listing("/licenses/revoked", {"cursor": cursor, "limit": limit})

    def read(self, public_id: str) -> schemas.CertificateView:
        """Show one certificate; a copy may be kept for a minute.

        GET /licenses/{public_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/licenses/{segment(public_id)}")


class Likes:
    """Like pictures, and list the pictures that the caller likes."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_liked(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> Listing[schemas.FeedCard]:
        """List the pictures that one likes, the newest like first.

        GET /generations/liked. API key: read. Access: signed in.
        """
        return self._transport.listing("/generations/liked", {"cursor": cursor, "limit": limit})


class Search:
    """Search styles and artists by a part of their names and tags."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        *,
        q: str,
        cursor: str | None = None,
        limit: int | None = None,
        type: Literal["all", "styles", "artists"] | None = None,
        tags: Sequence[str] | None = None,
        artist_id: int | None = None,
        license_type: schemas.LicenseType | None = None,
        max_price: int | None = None,
    ) -> schemas.Found:
        """Search for styles and artists; a cursor continues a search for one type only.

        GET /search. API key: read. Access: public.

        * `tags`: of styles, as the next three
        * `license_type`: that is sold
        * `max_price`: in tokens, of 512×512 pixels with license_type, or else with the cheaper one
        """
        return self._transport.call(
            "GET",
            "/search",
            query={
                "cursor": cursor,
                "limit": limit,
                "q": q,
                "type": type,
                "tags": tags,
                "artist_id": artist_id,
                "license_type": license_type,
                "max_price": max_price,
            },
        )


class ShownArtworks:
    """The artworks that an artist shows beside the samples of a style."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read(self, style_id: int) -> schemas.ArtworkChoices:
        """List the accepted artworks of one's own style, and which of them are shown.

        GET /styles/{style_id}/shown-artworks. API key: read. Access: signed in.
        """
        return self._transport.call("GET", f"/styles/{segment(style_id)}/shown-artworks")

    def choose(
        self, style_id: int, *, artworks: Sequence[schemas.ChosenArtwork]
    ) -> schemas.ArtworkChoices:
        """Show these artworks of one's own style to everybody, and no others.

        PUT /styles/{style_id}/shown-artworks. API key: manage. Access: signed in.
        """
        return self._transport.call(
            "PUT", f"/styles/{segment(style_id)}/shown-artworks", json={"artworks": artworks}
        )


class Styles:
    """The catalogue, training of a style from artworks, and its sale."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_styles(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        sort: Literal["recent", "popular", "created_at"] | None = None,
        tags: Sequence[str] | None = None,
        tags_any: Sequence[str] | None = None,
        artist_id: int | None = None,
        license_type: schemas.LicenseType | None = None,
        max_price: int | None = None,
        following: bool | None = None,
        training_status: schemas.TrainingStatus | Literal["all"] | None = None,
    ) -> Listing[schemas.StyleCard]:
        """List the catalogue.

        GET /styles. API key: read. Access: public.

        * `license_type`: that is sold
        * `max_price`: in tokens, of license_type; without one, of the cheaper licence; of 512×512
          pixels
        """
        return self._transport.listing(
            "/styles",
            {
                "cursor": cursor,
                "limit": limit,
                "sort": sort,
                "tags": tags,
                "tags_any": tags_any,
                "artist_id": artist_id,
                "license_type": license_type,
                "max_price": max_price,
                "following": following,
                "training_status": training_status,
            },
        )

    def create(
        self,
        *,
        name: str,
        description: str,
        files: Sequence[schemas.DeclaredFileBody],
        english_name: str | None = None,
        prices: schemas.NewPrices | None = None,
        price_tokens: int | None = None,
        license_type: schemas.LicenseType | None = None,
        valid_from: str | None = None,
        valid_to: str | None = None,
        tags: Sequence[str] | None = None,
        rights_statement: str | None = None,
        accept_similar: bool | None = None,
        publish: schemas.PublishWhen | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.OwnStyleView | schemas.AwaitedStyleView:
        """Make a style: from the files of a form, or from files that will be uploaded to storage.

        POST /styles. API key: manage. Access: artist.

        * `name`: in any script; at least 3 letters, or 2 Korean syllables
        * `english_name`: the tag that stands for the name; made of the name where it is left out
        * `prices`: of one licence or both
        * `price_tokens`: of license_type, the only licence; required without prices, else ignored
        * `license_type`: the only licence; ignored with prices
        * `valid_from`: a day of the market: it begins at midnight in Asia/Seoul, unless configured
          otherwise
        * `valid_to`: a day of the market: it begins at midnight in Asia/Seoul, unless configured
          otherwise
        * `rights_statement`: what the artist agreed to, word for word as shown
        * `accept_similar`: use artworks that look nearly the same too; else they are left out:
          SIMILAR_IMAGE
        * `publish`: put on sale by its artist, or by itself as soon as it is trained
        """
        return self._transport.call(
            "POST",
            "/styles",
            json={
                "name": name,
                "english_name": english_name,
                "description": description,
                "prices": prices,
                "price_tokens": price_tokens,
                "license_type": license_type,
                "valid_from": valid_from,
                "valid_to": valid_to,
                "tags": tags,
                "rights_statement": rights_statement,
                "accept_similar": accept_similar,
                "publish": publish,
                "files": files,
            },
            idempotency_key=idempotency_key or new_key(),
        )

    def create_with_files(
        self,
        *,
        name: str,
        description: str,
        images: Sequence[File],
        english_name: str | None = None,
        prices: schemas.NewPrices | None = None,
        price_tokens: int | None = None,
        license_type: schemas.LicenseType | None = None,
        valid_from: str | None = None,
        valid_to: str | None = None,
        tags: Sequence[str] | None = None,
        rights_statement: str | None = None,
        accept_similar: bool | None = None,
        publish: schemas.PublishWhen | None = None,
        image_tags: Mapping[str, Sequence[str]] | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.OwnStyleView | schemas.AwaitedStyleView:
        """Make a style: from the files of a form, or from files that will be uploaded to storage.

        POST /styles. API key: manage. Access: artist.

        * `name`: in any script; at least 3 letters, or 2 Korean syllables
        * `images`: JPG or PNG, at least 512×512, up to 10 MB each.
        * `english_name`: the tag that stands for the name; made of the name where it is left out
        * `prices`: of one licence or both, as JSON
        * `price_tokens`: of license_type, the only licence; required without prices, else ignored
        * `license_type`: the only licence; ignored with prices
        * `valid_from`: a day of the market: it begins at midnight in Asia/Seoul, unless configured
          otherwise
        * `valid_to`: a day of the market: it begins at midnight in Asia/Seoul, unless configured
          otherwise
        * `rights_statement`: what the artist agreed to, word for word as shown
        * `accept_similar`: use artworks that look nearly the same too; else they are left out:
          SIMILAR_IMAGE
        * `publish`: put on sale by its artist, or by itself as soon as it is trained
        """
        return self._transport.call(
            "POST",
            "/styles",
            form={
                "name": name,
                "english_name": english_name,
                "description": description,
                "prices": prices,
                "price_tokens": price_tokens,
                "license_type": license_type,
                "valid_from": valid_from,
                "valid_to": valid_to,
                "tags": tags,
                "rights_statement": rights_statement,
                "accept_similar": accept_similar,
                "publish": publish,
                "image_tags": image_tags,
            },
            files={"images": images},
            idempotency_key=idempotency_key or new_key(),
        )

    def list_own(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> Listing[schemas.OwnStyleCard]:
        """List the artist's own styles, in every state.

        GET /styles/me. API key: read. Access: artist.
        """
        return self._transport.listing("/styles/me", {"cursor": cursor, "limit": limit})

    def read(self, style_id: int) -> schemas.StyleView | schemas.OwnStyleView:
        """Show one style.

        GET /styles/{style_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/styles/{segment(style_id)}")

    def edit(
        self,
        style_id: int,
        *,
        description: str | None = None,
        prices: schemas.NewPrices | None = None,
        price_tokens: int | None = None,
        license_type: schemas.LicenseType | None = None,
        valid_to: str | Null | None = None,
        is_active: bool | None = None,
    ) -> schemas.OwnStyleView:
        """Change the terms of an own style, or switch it on or off.

        PATCH /styles/{style_id}. API key: manage. Access: signed in.

        * `prices`: all that is sold from now on
        * `price_tokens`: of the style's license_type; ignored with prices
        * `license_type`: if it is another one than the style's, the only one from now on; ignored
          with prices
        * `valid_to`: a day of the market: it begins at midnight in Asia/Seoul, unless configured
          otherwise
        """
        return self._transport.call(
            "PATCH",
            f"/styles/{segment(style_id)}",
            json={
                "description": description,
                "prices": prices,
                "price_tokens": price_tokens,
                "license_type": license_type,
                "valid_to": valid_to,
                "is_active": is_active,
            },
        )

    def remove(self, style_id: int) -> None:
        """Delete an unused style.

        DELETE /styles/{style_id}. API key: manage. Access: signed in.
        """
        self._transport.call("DELETE", f"/styles/{segment(style_id)}")

    def cancel(self, style_id: int) -> schemas.OwnStyleView:
        """Stop a training, or the wait for its files; the artworks stay and can be trained again.

        POST /styles/{style_id}/cancel. API key: manage. Access: signed in.
        """
        return self._transport.call("POST", f"/styles/{segment(style_id)}/cancel")

    def confirm_upload(self, style_id: int) -> schemas.OwnStyleView:
        """Start the checks of a style whose files are all in storage.

        POST /styles/{style_id}/confirm-upload. API key: manage. Access: signed in.
        """
        return self._transport.call("POST", f"/styles/{segment(style_id)}/confirm-upload")

    def publish(
        self, style_id: int, *, checkpoint: int | None = None, cover: int | None = None
    ) -> schemas.OwnStyleView:
        """Put a trained style on sale, as one of its checkpoints, with a sample as its cover.

        POST /styles/{style_id}/publish. API key: manage. Access: signed in.

        * `checkpoint`: step of the one to sell; the last by default
        * `cover`: index of the cover among its samples, from 0
        """
        return self._transport.call(
            "POST",
            f"/styles/{segment(style_id)}/publish",
            json={"checkpoint": checkpoint, "cover": cover},
        )

    def retrain(
        self,
        style_id: int,
        *,
        remove_artwork_ids: Sequence[int] | None = None,
        publish: schemas.PublishWhen | None = None,
        files: Sequence[schemas.DeclaredFileBody] | None = None,
        accept_similar: bool | None = None,
    ) -> schemas.OwnStyleView | schemas.AwaitedStyleView:
        """Train a style again that failed or is not on sale yet, with artworks taken out or added.

        POST /styles/{style_id}/retrain. API key: manage. Access: signed in.

        * `publish`: as before, by default
        * `accept_similar`: use artworks that look nearly the same too; else they are left out:
          SIMILAR_IMAGE
        """
        return self._transport.call(
            "POST",
            f"/styles/{segment(style_id)}/retrain",
            json={
                "remove_artwork_ids": remove_artwork_ids,
                "publish": publish,
                "files": files,
                "accept_similar": accept_similar,
            },
        )

    def retrain_with_files(
        self,
        style_id: int,
        *,
        images: Sequence[File],
        remove_artwork_ids: Sequence[int] | None = None,
        publish: schemas.PublishWhen | None = None,
        image_tags: Mapping[str, Sequence[str]] | None = None,
        accept_similar: bool | None = None,
    ) -> schemas.OwnStyleView | schemas.AwaitedStyleView:
        """Train a style again that failed or is not on sale yet, with artworks taken out or added.

        POST /styles/{style_id}/retrain. API key: manage. Access: signed in.

        * `images`: New artworks, as for a new style.
        * `publish`: as before, by default
        * `accept_similar`: use artworks that look nearly the same too; else they are left out:
          SIMILAR_IMAGE
        """
        return self._transport.call(
            "POST",
            f"/styles/{segment(style_id)}/retrain",
            form={
                "remove_artwork_ids": remove_artwork_ids,
                "publish": publish,
                "image_tags": image_tags,
                "accept_similar": accept_similar,
            },
            files={"images": images},
        )


class Tags:
    """Tags of styles and prompts, and the Korean words that stand for them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_recommended(self, style_id: int) -> list[schemas.RecommendedTag]:
        """List the tags that are recommended for prompts of a style.

        GET /styles/{style_id}/recommended-tags. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/styles/{segment(style_id)}/recommended-tags")[
            "results"
        ]

    def list_tags(
        self, *, cursor: str | None = None, limit: int | None = None, search: str | None = None
    ) -> Listing[schemas.TagCard]:
        """List the tags in use: the popular ones, or those that contain a text.

        GET /tags. API key: read. Access: public.
        """
        return self._transport.listing(
            "/tags", {"cursor": cursor, "limit": limit, "search": search}
        )

    def list_korean(self) -> list[schemas.KoreanWord]:
        """List the Korean words that stand for tags, all at once; a copy may be kept for an hour.

        GET /tags/korean. API key: read. Access: public.
        """
        return self._transport.call("GET", "/tags/korean")["results"]

    def read(self, tag_id: int) -> schemas.TagView:
        """Show one tag.

        GET /tags/{tag_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/tags/{segment(tag_id)}")


class Tokens:
    """Token packages, balances, transactions, and earned tokens made spendable."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read_balance(self) -> schemas.Balance:
        """Show one's available, held and earned tokens.

        GET /tokens/balance. API key: read. Access: signed in.
        """
        return self._transport.call("GET", "/tokens/balance")

    def list_packages(self) -> list[schemas.PackageView]:
        """List the packages of tokens on sale.

        GET /tokens/packages. API key: read. Access: public.
        """
        return self._transport.call("GET", "/tokens/packages")["results"]

    def list_transactions(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        type: Literal["all", "purchase", "usage", "refund", "earning", "payout", "bonus", "credit"]
        | None = None,
        direction: Literal["in", "out"] | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> Listing[schemas.TransactionView]:
        """List one's own transactions, with texts in the language of the request.

        GET /tokens/transactions. API key: read. Access: signed in.
        """
        return self._transport.listing(
            "/tokens/transactions",
            {
                "cursor": cursor,
                "limit": limit,
                "type": type,
                "direction": direction,
                "from": from_,
                "to": to,
            },
        )


class TryOuts:
    """Free test pictures of a trained style before it is sold."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        style_id: int,
        *,
        prompt_tags: Sequence[str],
        negative_tags: Sequence[str] | None = None,
        aspect_ratio: schemas.AspectRatio | None = None,
        seed: int | None = None,
        style_strength: float | None = None,
        count: int | None = None,
        checkpoint: int | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.TryOuts:
        """Draw a few free private pictures with a checkpoint of an own trained style.

        POST /styles/{style_id}/try-outs. API key: manage. Access: signed in.

        * `checkpoint`: step of the one to draw with; the last by default
        """
        return self._transport.call(
            "POST",
            f"/styles/{segment(style_id)}/try-outs",
            json={
                "prompt_tags": prompt_tags,
                "negative_tags": negative_tags,
                "aspect_ratio": aspect_ratio,
                "seed": seed,
                "style_strength": style_strength,
                "count": count,
                "checkpoint": checkpoint,
            },
            idempotency_key=idempotency_key or new_key(),
        )


class Users:
    """Public profiles."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read(self, user_id: int) -> schemas.PersonView:
        """Show a person.

        GET /users/{user_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/users/{segment(user_id)}")


class Verifications:
    """Find the certificate that belongs to a picture file."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def verify(self, *, image: File) -> schemas.VerificationView:
        """Find the certificates of a picture; where there are none, queue a search of its parts.

        POST /verify. API key: read. Access: public.

        * `image`: A JPG, PNG or WebP of up to 20 MB and 50 megapixels.
        """
        return self._transport.call("POST", "/verify", files={"image": [image]})

    def read(self, search_id: str) -> schemas.DeepSearchView:
        """Show a deep search; its answer is there for ten minutes.

        GET /verify/{search_id}. API key: read. Access: public.
        """
        return self._transport.call("GET", f"/verify/{segment(search_id)}")


class Operations:
    """All groups of operations."""

    def __init__(self, transport: Transport) -> None:
        self.collections = Collections(transport)
        self.comments = Comments(transport)
        self.follows = Follows(transport)
        self.generations = Generations(transport)
        self.licenses = Licenses(transport)
        self.likes = Likes(transport)
        self.search = Search(transport)
        self.shown_artworks = ShownArtworks(transport)
        self.styles = Styles(transport)
        self.tags = Tags(transport)
        self.tokens = Tokens(transport)
        self.try_outs = TryOuts(transport)
        self.users = Users(transport)
        self.verifications = Verifications(transport)
