from email.message import EmailMessage
from smtplib import SMTP

import httpx
import pytest

from tests.serving import served
from webapp.sandbox.mail import Mailbox, create_app
from webapp.sandbox.smtp import SmtpServer


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(tmp_path / "mail")


def mail(subject, html="<p>Hello</p>"):
    made = EmailMessage()
    made["From"], made["To"] = "site@example.com", "mina@example.org"
    made["Subject"], made["Date"] = subject, "Mon, 30 Nov 2026 08:00:00 +0900"
    made.set_content("Hello\n.\nin text\n")
    made.add_alternative(html, subtype="html")
    return made


def test_every_mail_is_kept_and_shown(mailbox):
    with SmtpServer(mailbox.take).running() as port, SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(mail("First"))
        smtp.send_message(mail("Second <b>"))
    with served(create_app(mailbox)) as url:
        page = httpx.get(url).text
        assert page.index("Second &lt;b&gt;") < page.index("First")
        [name, _] = mailbox.names()
        shown = httpx.get(f"{url}/{name}").text
        assert "To: mina@example.org" in shown
        assert "Hello\n.\nin text" in shown.replace("\r", "")
        # A mail can do nothing to the page that shows it.
        assert 'srcdoc="&lt;p&gt;Hello&lt;/p&gt;' in shown
        for missing in ("1", "..%2Fsecret", "x"):
            assert httpx.get(f"{url}/{missing}").status_code == 404
        assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}


def test_a_folder_without_mails_says_so(mailbox):
    with served(create_app(mailbox)) as url:
        assert "No mails yet." in httpx.get(url).text
