"""The errors of the domain as the command line shows them."""

import click
from flask_babel import force_locale

from webapp.domain.errors import DomainError
from webapp.http import errors


def text_of(error: DomainError) -> str:
    """Return the message of an error in English, with its code and details."""
    with force_locale("en"):
        message = errors.message(error)
    details = "".join(f", {name}: {value}" for name, value in error.details.items())
    return f"{message} ({error.code}{details})"


def failure(error: DomainError) -> click.ClickException:
    """Return the exception that ends a command with the message of an error."""
    return click.ClickException(text_of(error))
