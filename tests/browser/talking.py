"""Steps that write comments under an image."""

import secrets

from playwright.sync_api import expect


def somebody(visit, name):
    """A window of somebody new, and the name they have got there."""
    visitor, named = visit(), f"{name}-{secrets.token_hex(3)}"
    visitor.sign_in(f"{named}@example.com")
    return visitor, named


def comment(visitor, image, words):
    visitor.open(image)
    visitor.field("Your comment").fill(words)
    visitor.button("Comment").click()
    expect(spoken(visitor, words)).to_be_visible()


def spoken(visitor, words):
    return visitor.page.get_by_role("paragraph").filter(has_text=words)
