"""Errors of pictures that cannot be used, with stable codes."""

from enum import StrEnum


class RefusalCode(StrEnum):
    """Reasons; their values are error codes of docs/api.md (Errors)."""

    CORRUPT = "IMAGE_CORRUPT"
    TOO_MANY_PIXELS = "IMAGE_TOO_LARGE_PIXELS"
    BLANK = "IMAGE_BLANK"
    TOO_LONG = "IMAGE_TOO_LONG"


class PictureRefused(Exception):
    """A picture that cannot be used, for the reason `code`; the message has details."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code = code
