"""What the pages say, from the catalogue: tests name a message once, for every language."""

from gettext import GNUTranslations, NullTranslations
from pathlib import Path

CATALOGUE = Path(__file__).parents[2] / "webapp/translations"


class Words:
    """The messages of the pages in one language; the keys are the English ones."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._known = NullTranslations()
        if language != "en":
            with (CATALOGUE / language / "LC_MESSAGES/pages.mo").open("rb") as file:
                self._known = GNUTranslations(file)

    def __call__(self, message: str, **values: object) -> str:
        """Say a message; `values` fill its places."""
        said = self._known.gettext(message)
        assert self.language == "en" or said != message, f"no translation of {message!r}"
        return said % values if values else said

    def many(self, one: str, many: str, count: int, **values: object) -> str:
        """Say a message that differs with a number."""
        return self._known.ngettext(one, many, count) % ({"count": count} | values)
