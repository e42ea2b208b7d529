"""What a secret of the settings must be like; errors name the setting and never show a value."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import StringConstraints

Secret = Annotated[str, StringConstraints(min_length=32)]
# docker-compose.yml and deploy/kubernetes give it to processes that need the variable to start.
NOT_GIVEN = "this service was not given the secret"
PLACEHOLDER = "{{"  # as in deploy/kubernetes/secrets.example.yaml
# Of the keys of 32 random hexadecimal digits less than one in ten million has fewer.
FEWEST_CHARACTERS = 8
# The settings that an operator draws at random; the others are given by somebody else.
RANDOM = frozenset(
    {
        "secret_key",
        "secret_key_fallbacks",
        "internal_api_token",
        "internal_api_token_fallbacks",
        "metrics_token",
        "watermark_keys",
    }
)


def check_fallbacks(name: str, current: str, fallbacks: Sequence[str]) -> None:
    """Raise ValueError unless the fallbacks of a setting are other secrets, each named once."""
    if current in fallbacks:
        raise ValueError(f"{name}_FALLBACKS holds the current {name}")
    if len(set(fallbacks)) < len(fallbacks):
        raise ValueError(f"{name}_FALLBACKS names a value twice")
    if NOT_GIVEN in fallbacks:
        raise ValueError(f"{name}_FALLBACKS holds a text that is no secret")


def check_production(values: Mapping[str, object]) -> None:
    """Raise ValueError for a placeholder and for a secret that nobody drew at random.

    `values` has the values of all settings by their names.
    """
    for name, value in values.items():
        for text in _texts(value):
            if PLACEHOLDER in text:
                raise ValueError(f"{name.upper()} is a placeholder: refused in production")
            if name in RANDOM and len(set(text)) < FEWEST_CHARACTERS:
                raise ValueError(
                    f"{name.upper()} has fewer than {FEWEST_CHARACTERS} different characters:"
                    " refused in production"
                )


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in the value of a setting: of a list, of a dictionary, or the text itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
