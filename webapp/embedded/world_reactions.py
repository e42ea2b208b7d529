"""The reactions of `world.py`: follows, likes, comments with replies, and one report."""

from collections.abc import Mapping

from webapp.embedded.cast import ADMIN, Cast
from webapp.embedded.person import Person, RefusedError
from webapp.embedded.world_images import MOST, OrderedImage
from webapp.schemas.accounts import Account
from webapp.schemas.comments import CommentView
from webapp.schemas.fields import Listed

LIKED_OF_SEVEN = 3  # how many of seven accounts like a usual image
LOVED_EVERY = 9  # every ninth image is liked by all


def follow(people: Mapping[str, Person], cast: Cast) -> None:
    """Follow everybody that the cast names."""
    for follower, followed in cast.follows:
        if follower in people and followed in people:
            user_id = people[followed].get("/auth/me", Account).id
            _post_once(people[follower], f"/users/{user_id}/follow")


def like(people: Mapping[str, Person], cast: Cast, images: Mapping[str, OrderedImage]) -> None:
    """Like every public image with some accounts, a few images with all."""
    emails = [email for email in people if email != ADMIN]
    for index, order in enumerate(cast.orders):
        if not _is_public(images, order.title):
            continue
        for number, email in enumerate(emails):
            luck = (5 * index + 3 * number + index * number) % len(emails)
            is_loved = index % LOVED_EVERY == 0
            if email != order.buyer and (is_loved or luck < LIKED_OF_SEVEN):
                _post_once(people[email], f"/generations/{images[order.title].id}/like")


def _post_once(person: Person, path: str) -> None:
    """Like or follow; that it was done before is no error."""
    try:
        person.post(path)
    except RefusedError as error:
        if not error.code.startswith("DUPLICATE_"):
            raise


def comment(people: Mapping[str, Person], cast: Cast, images: Mapping[str, OrderedImage]) -> None:
    """Write the comments of the cast with their replies, and report one of them."""
    for remark in cast.remarks:
        if not _is_public(images, remark.title) or remark.author not in people:
            continue
        author = people[remark.author]
        path = f"/generations/{images[remark.title].id}/comments"
        comments = author.get(path, Listed[CommentView], limit=MOST).results
        written = {each.content: each for each in comments}
        parent = written.get(remark.text) or author.post(
            path, CommentView, json={"content": remark.text}
        )
        replies = {each.content for each in parent.replies}
        for email, text in remark.replies:
            if email in people and text not in replies:
                people[email].post(path, json={"content": text, "parent_id": parent.id})
        if remark.text == cast.reported and remark.text not in written:
            _report(people[cast.artists[0].email], parent.id)


def _report(person: Person, comment_id: int) -> None:
    person.post(
        "/reports",
        json={
            "target_type": "comment",
            "target_id": comment_id,
            "reason": "other",
            "text": "Unkind, and not true.",
        },
    )


def _is_public(images: Mapping[str, OrderedImage], title: str) -> bool:
    return title in images and images[title].is_public
