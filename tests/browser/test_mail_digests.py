"""Somebody asks for mails with notifications, and ends them by the link of a mail."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tests.browser.talking import somebody
from tests.browser.visitor import TWO_WINDOWS
from webapp.domain.mail_digest_words import unsubscribe_path
from webapp.domain.models.account import User
from webapp.domain.models.mail_digest import MailDigestSetting
from webapp.domain.services import mail_digest_settings

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

SETTINGS = "/notifications/settings"


def link_of(service, name):
    """The link in the mails of somebody."""
    with service.session() as session:
        setting = session.scalars(
            select(MailDigestSetting)
            .join(User, User.id == MailDigestSetting.user_id)
            .where(User.email == f"{name}@example.com")
        ).one()
        return unsubscribe_path(setting.user_id, mail_digest_settings.signature(setting))


@TWO_WINDOWS
def test_mails_are_chosen_and_ended_without_signing_in(visit, service):
    reader, name = somebody(visit, "Rin")
    reader.open(SETTINGS)
    expect(reader.radio("No mails")).to_be_checked()
    reader.check_in_both_themes()
    reader.radio("Every Monday morning").check()
    reader.button("Save").click()
    expect(reader.text("Your notification settings are saved.")).to_be_visible()
    expect(reader.radio("Every Monday morning")).to_be_checked()

    stranger = visit()
    stranger.open(link_of(service, name))
    expect(stranger.heading("Switch the mail digest off?")).to_be_visible()
    stranger.check_in_both_themes()
    reader.page.reload()
    expect(reader.radio("Every Monday morning")).to_be_checked()
    stranger.button("Switch off").click()
    expect(stranger.heading("The mail digest is off")).to_be_visible()
    stranger.check_in_both_themes()

    reader.open(SETTINGS)
    expect(reader.radio("No mails")).to_be_checked()
    reader.radio("Every morning").check()
    reader.button("Save").click()
    expect(reader.radio("Every morning")).to_be_checked()
