"""A local twin of a mail server: it takes every mail, delivers none, and shows all on a page.

With `SMTP_URL` the site sends to it by the same code as to a real server. Mails are files in a
folder, and stay there. Whoever reaches the page can read all mails, so it listens on loopback only.

Run it: `python -m webapp.sandbox.mail --port 8003 --smtp-port 8025 --folder var/mail`.
"""

import argparse
import time
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from flask import Flask, Response, abort, jsonify, render_template

from webapp.sandbox import favicon
from webapp.sandbox.smtp import Letter, SmtpServer

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A folder of mails, the newest with the highest name."""

    folder: Path

    def take(self, letter: Letter) -> None:
        """Store a mail."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{time.time_ns()}.eml").write_bytes(letter.content)

    def names(self) -> list[str]:
        """List the names of all mails, the newest first."""
        return sorted((file.stem for file in self.folder.glob("*.eml")), reverse=True)

    def read(self, name: str) -> EmailMessage:
        """Return a mail by its name."""
        content = (self.folder / f"{name}.eml").read_bytes()
        return message_from_bytes(content, policy=default)


def create_app(mailbox: Mailbox) -> Flask:
    """Return the page that shows the mails of a folder."""
    app = Flask(__name__, static_folder=None)
    favicon.add_to(app)

    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    @app.get("/")
    def show_all() -> str:
        mails = [(name, mailbox.read(name)) for name in mailbox.names()[:SHOWN]]
        return render_template("mails.html", mails=mails)

    @app.get("/<int:name>")
    def show(name: int) -> str:
        if str(name) not in mailbox.names():
            abort(404)
        mail = mailbox.read(str(name))
        parts = {
            kind: part.get_content() if (part := mail.get_body((kind,))) else ""
            for kind in ("plain", "html")
        }
        return render_template("mail.html", mail=mail, parts=parts)

    return app


def main() -> None:
    """Serve on loopback until stopped."""
    parser = argparse.ArgumentParser(description="A local twin of a mail server.")
    parser.add_argument("--port", type=int, default=8003, help="of the page")
    parser.add_argument("--smtp-port", type=int, default=8025)
    parser.add_argument("--folder", type=Path, default=Path("var/mail"))
    options = parser.parse_args()
    mailbox = Mailbox(options.folder)
    with SmtpServer(mailbox.take).running(port=options.smtp_port):
        create_app(mailbox).run(host="127.0.0.1", port=options.port, use_reloader=False)


if __name__ == "__main__":
    main()
