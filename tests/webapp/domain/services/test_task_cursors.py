from datetime import timedelta

from webapp.domain.services import task_cursors

NAME = "a_task"


def test_a_pass_continues_where_the_last_run_ended(session):
    assert task_cursors.resume(session, NAME) == {}
    for position in ({"after": 1}, {"after": 2}):
        task_cursors.save(session, NAME, position)
        assert task_cursors.resume(session, NAME) == position
    assert task_cursors.resume(session, "another") == {}


def test_after_a_complete_pass_a_new_one_begins(session):
    task_cursors.resume(session, NAME)
    task_cursors.save(session, NAME, None)
    assert task_cursors.resume(session, NAME) == {}
    task_cursors.save(session, NAME, {"after": 1})
    assert task_cursors.resume(session, NAME) == {"after": 1}


def test_no_pass_begins_soon_after_one_that_is_complete(session):
    apart = timedelta(hours=1)
    assert task_cursors.resume(session, NAME, apart=apart) == {}
    task_cursors.save(session, NAME, {"after": 1})
    assert task_cursors.resume(session, NAME, apart=apart) == {"after": 1}
    task_cursors.save(session, NAME, None)
    assert task_cursors.resume(session, NAME, apart=apart) is None
    assert task_cursors.resume(session, NAME, apart=timedelta(0)) == {}
