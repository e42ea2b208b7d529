"""The schemes against what their authors published, and against small changes."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from webapp.domain.gateways import signed_urls
from webapp.domain.queries.viewing import signed_url

KEY = "generations/01J.png"


def test_an_s3_url_is_the_one_in_the_manual_of_s3() -> None:
    url = signed_urls.s3_url(
        "https://examplebucket.s3.amazonaws.com/test.txt",
        method="GET",
        headers={},
        expires_in=timedelta(days=1),
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    signature = parse_qs(urlsplit(url).query)["X-Amz-Signature"]
    assert signature == ["aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"]


def verified(now: float = 999, **changes) -> bool:
    signature = signed_urls.sign("secret", method="PUT", key=KEY, expires=1000, content_type="a/b")
    request = {
        "secret_key": "secret",
        "method": "PUT",
        "key": KEY,
        "query_args": {"expires": "1000", "signature": signature},
        "content_type": "a/b",
    } | changes
    return signed_urls.verify(request.pop("secret_key"), **request, now=now)


def test_a_signature_permits_what_it_was_made_for() -> None:
    assert verified()
    assert verified(content_type=" A/B ")


@pytest.mark.parametrize(
    "changes",
    [
        {"secret_key": "Secret"},
        {"method": "GET"},
        {"method": "HEAD"},
        {"method": "put"},
        {"key": KEY + "x"},
        {"content_type": "a/c"},
        {"content_type": ""},
        {"query_args": {}},
        {"query_args": {"expires": "1000", "signature": ""}},
        {"now": 1000},
    ],
)
def test_a_signature_permits_nothing_else(changes: dict) -> None:
    assert not verified(**changes)


def test_parts_cannot_be_shifted_into_each_other() -> None:
    first = signed_urls.sign("s", method="GET", key="a", expires=1, content_type="b\nc")
    second = signed_urls.sign(
        "s", method="GET", key="a", expires=1, content_type="b", download_name="c"
    )
    assert first != second


def test_a_download_name_survives_any_script_and_no_quote_breaks_out() -> None:
    header = signed_urls.attachment('수채화";x=".png')
    assert header.isascii()
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2
    assert header.endswith("filename*=UTF-8''%EC%88%98%EC%B1%84%ED%99%94%22%3Bx%3D%22.png")


def test_a_period_starts_at_a_multiple_of_its_length(monkeypatch):
    hour = timedelta(hours=1)
    for now, begun in ((7200.0, 7200), (10_799.9, 7200), (10_800.0, 10_800)):
        monkeypatch.setattr("webapp.domain.gateways.signed_urls.time.time", lambda now=now: now)
        assert signed_urls.period_start(hour).timestamp() == begun
        assert signed_urls.period_start(timedelta(0)).timestamp() == now


def test_the_address_of_a_picture_is_the_same_for_an_hour_and_lives_for_another(
    storage, monkeypatch
):
    def address(now):
        monkeypatch.setattr("webapp.domain.gateways.signed_urls.time.time", lambda: now)
        return signed_url(storage, "previews/1.jpg")

    assert address(7200.0) == address(10_799.0) != address(10_800.0)
    assert expiry(address(10_799.0)) - 10_799 >= 3600


def expiry(address):
    """When a signed address ends, in seconds since 1970: ours says it, S3's says since when."""
    query = {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}
    if "expires" in query:
        return int(query["expires"])
    signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    return signed.timestamp() + int(query["X-Amz-Expires"])
