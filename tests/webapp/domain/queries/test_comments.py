from tests import making
from tests.statements import statements
from webapp.domain.models.account import User
from webapp.domain.queries import comments as comment_queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import comments


def test_a_page_with_its_replies_takes_two_statements_and_the_image_one(session, storage):
    image = making.generation(session, storage)
    image.status, image.image_key, image.image_sha256 = "completed", "images/1.png", "a" * 64
    session.flush()
    owner = session.get(User, image.user_id)

    def post(parent_id=None):
        return comments.post(
            session, user=owner, generation_id=image.id, content="Hm.", parent_id=parent_id
        )

    def listed():
        with statements(session) as seen:
            page = comment_queries.of_image(
                session,
                storage,
                generation_id=image.id,
                parent_id=None,
                viewer=Viewer.of(owner),
                page=PageRequest(limit=3),
            )
        return len(seen), [len(comment.replies) for comment in page.results]

    comment_ids = [post() for _ in range(4)]
    assert listed() == (2, [0, 0, 0])
    for parent_id in comment_ids:
        post(parent_id)
        post(parent_id)
    assert listed() == (3, [2, 2, 2])


def test_a_thread_holds_the_reply_one_came_for_once_wherever_it_stands(session, storage):
    image = making.generation(session, storage)
    making.finish(session, storage, image)
    owner = session.get(User, image.user_id)

    def post(parent_id=None):
        return comments.post(
            session, user=owner, generation_id=image.id, content="Hm.", parent_id=parent_id
        )

    def reply_ids(comment_id):
        thread = comment_queries.thread(
            session, storage, comment_id=comment_id, viewer=Viewer.of(owner)
        )
        assert (thread.comment.id, thread.generation_id) == (first, image.id)
        return [reply.id for reply in thread.comment.replies]

    first = post()
    replies = [post(first) for _ in range(comment_queries.FIRST_REPLIES + 2)]
    begin = replies[: comment_queries.FIRST_REPLIES]
    assert reply_ids(first) == reply_ids(begin[3]) == begin
    assert reply_ids(replies[-1]) == [*begin, replies[-1]]
