import pytest

from webapp.sandbox import google, mail, toss

SANDBOXES = {
    "google": lambda _: google.create_app(),
    "toss": lambda _: toss.create_app(),
    "mail": lambda folder: mail.create_app(mail.Mailbox(folder / "mail")),
}


@pytest.mark.parametrize("name", SANDBOXES)
def test_each_sandbox_has_an_icon(name, tmp_path):
    answer = SANDBOXES[name](tmp_path).test_client().get("/favicon.ico", buffered=True)
    assert (answer.status_code, answer.mimetype) == (200, "image/vnd.microsoft.icon")
    assert answer.data.startswith(b"\x00\x00\x01\x00")
