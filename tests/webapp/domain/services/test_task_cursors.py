from webapp.domain.services import task_cursors

NAME = "a_task"


def test_a_pass_continues_where_the_last_run_ended_until_it_is_complete(session):
    assert task_cursors.position(session, NAME) is None
    for position in ({"after": 1}, {"after": 2}):
        task_cursors.save(session, NAME, position)
        assert task_cursors.position(session, NAME) == position
    task_cursors.save(session, "another", {"after": 9})
    task_cursors.complete(session, NAME)
    assert task_cursors.position(session, NAME) is None
    assert task_cursors.position(session, "another") == {"after": 9}
