import io

import pytest

from tests.webapp.conftest import error_code
from webapp.domain.models.account import User
from webapp.http import csrf, temporary_space

STYLES = "/api/v1/styles"
LARGE = 300 << 20
BOUNDARY = "between"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


class EndlessForm(io.RawIOBase):
    """A form with one endless file; counts the bytes that were read."""

    def __init__(self):
        self.head = (
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
            'name="images"; filename="a.png"\r\n\r\n'
        ).encode()
        self.count = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self.head[self.count : self.count + len(buffer)] or bytes(len(buffer))
        buffer[: len(part)] = part
        self.count += len(part)
        return len(part)


def send(client, path, *, method="POST", size=LARGE, length=True, token=None):
    body = EndlessForm()
    headers = {} if token is None else {csrf.HEADER: token}
    client.csrf_token = None
    length_header = {"CONTENT_LENGTH": str(size)} if length else {"wsgi.input_terminated": True}
    answer = client.open(
        path,
        method=method,
        headers=headers,
        content_type=FORM,
        environ_overrides={"wsgi.input": body} | length_header,
    )
    return answer, body.count


def test_a_large_form_without_the_token_in_a_header_is_refused_unread(artist_client):
    answer, read = send(artist_client, STYLES)
    assert (answer.status_code, error_code(answer), read) == (403, "CSRF_FAILED", 0)
    answer, read = send(artist_client, STYLES, token="wrong")
    assert (answer.status_code, error_code(answer), read) == (403, "CSRF_FAILED", 0)


def test_a_form_without_a_length_is_read_no_further_than_a_small_one(artist_client):
    answer, read = send(artist_client, STYLES, length=False)
    assert (answer.status_code, error_code(answer)) == (403, "CSRF_FAILED")
    assert read <= csrf.LONGEST_FORM + (1 << 20)


def test_a_large_form_without_the_role_is_refused_unread(client, buyer_client):
    token = buyer_client.csrf_token
    answer, read = send(buyer_client, STYLES, token=token)
    assert (answer.status_code, error_code(answer), read) == (403, "ARTIST_ONLY", 0)
    answer, read = send(buyer_client, STYLES)  # the role is checked before the CSRF field
    assert (answer.status_code, error_code(answer), read) == (403, "ARTIST_ONLY", 0)
    answer, read = send(client, STYLES)
    assert (answer.status_code, error_code(answer), read) == (401, "UNAUTHORIZED", 0)


def test_a_user_who_is_no_artist_cannot_send_a_large_form(buyer_client, style):
    token = buyer_client.csrf_token
    answer, read = send(buyer_client, f"{STYLES}/{style.id}/retrain", token=token)
    assert (answer.status_code, error_code(answer), read) == (413, "PAYLOAD_TOO_LARGE", 0)


@pytest.mark.parametrize(
    "path, method",
    [("/api/v1/users/me", "PATCH"), ("/me/settings", "POST"), ("/become-artist", "POST")],
)
def test_other_forms_stay_small(buyer_client, path, method):
    token = buyer_client.csrf_token
    answer, read = send(buyer_client, path, method=method, token=token)
    assert (answer.status_code, read) == (413, 0)


def test_a_user_sends_one_large_form_at_a_time(artist, artist_client, monkeypatch):
    monkeypatch.setattr(temporary_space, "_bodies", {artist.user_id: LARGE})
    answer, read = send(artist_client, STYLES, token=artist_client.csrf_token)
    assert (answer.status_code, error_code(answer), read) == (503, "SERVICE_UNAVAILABLE", 0)
    assert int(answer.headers["Retry-After"]) > 0


def test_all_large_forms_together_stay_within_the_budget(artist, artist_client, monkeypatch):
    token = artist_client.csrf_token
    others = {-1: temporary_space.BUDGET_BYTES - LARGE}
    monkeypatch.setattr(temporary_space, "_bodies", others)
    answer, read = send(artist_client, STYLES, token=token, size=LARGE + 1)
    assert (answer.status_code, read) == (503, 0)
    assert artist.user_id not in others


def test_space_is_released_at_the_end_of_a_request(artist_client, session, artist, monkeypatch):
    reserved = []
    reserve = temporary_space.reserve
    monkeypatch.setattr(
        temporary_space,
        "reserve",
        lambda user_id, size: (reserve(user_id, size), reserved.append((user_id, size))),
    )
    token = artist_client.csrf_token
    size = csrf.LONGEST_FORM + 1
    answer, _ = send(artist_client, STYLES, token=token, size=size)
    assert answer.status_code in {400, 413, 422}
    assert reserved == [(session.get_one(User, artist.user_id).id, size)]
    assert temporary_space._bodies == {}


def test_anybody_may_send_a_large_picture_to_verify_but_one_at_a_time(client, monkeypatch):
    size = csrf.LONGEST_FORM + 1
    answer, read = send(client, "/api/v1/verify", size=size)
    assert answer.status_code in {400, 413, 422}  # the file is no picture and has no end
    assert read >= csrf.LONGEST_FORM
    monkeypatch.setattr(temporary_space, "_bodies", {"127.0.0.1": size})
    answer, read = send(client, "/api/v1/verify", size=size)
    assert (answer.status_code, error_code(answer), read) == (503, "SERVICE_UNAVAILABLE", 0)


def test_slow_visitors_leave_threads_to_others(client, artist_client, monkeypatch):
    slow = {f"203.0.113.{number}": 1 for number in range(temporary_space.MAX_VISITORS)}
    monkeypatch.setattr(temporary_space, "_bodies", slow)
    size = csrf.LONGEST_FORM + 1
    answer, read = send(client, "/api/v1/verify", size=size)
    assert (answer.status_code, read) == (503, 0)
    answer, read = send(artist_client, STYLES, token=artist_client.csrf_token, size=size)
    assert answer.status_code != 503
