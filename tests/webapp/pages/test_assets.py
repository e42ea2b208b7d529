import gzip
from pathlib import Path

STATIC = Path(__file__).parents[3] / "webapp/static"
PICO = "vendor/pico/pico.min.css"


def test_a_browser_that_takes_gzip_gets_gzip(client):
    answer = client.get(f"/static/{PICO}", headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.data) < 20_000
    assert gzip.decompress(answer.data) == (STATIC / PICO).read_bytes()


def test_a_browser_that_does_not_gets_the_file(client):
    answer = client.get(f"/static/{PICO}")
    assert "Content-Encoding" not in answer.headers
    assert answer.data == (STATIC / PICO).read_bytes()
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_an_unchanged_file_is_not_sent_again(client):
    gzipped = {"Accept-Encoding": "gzip"}
    tag = client.get("/static/css/site.css", headers=gzipped).headers["ETag"]
    again = client.get("/static/css/site.css", headers=gzipped | {"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_own_files_are_asked_for_anew_and_vendored_ones_kept(client):
    assert "no-cache" in client.get("/static/css/site.css").headers["Cache-Control"]
    assert "max-age=86400" in client.get(f"/static/{PICO}").headers["Cache-Control"]


def test_pages_with_secrets_are_never_compressed(client):
    assert "Content-Encoding" not in client.get("/", headers={"Accept-Encoding": "gzip"}).headers


def test_no_file_outside_the_folder_is_packed(client):
    answer = client.get("/static/../app.py", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 404
