"""The error of an invalid rule, with a stable code and the path of the invalid field."""


class InvalidRule(ValueError):
    """A rule with an unknown field or an invalid value.

    `field` is the path inside the rule, for example "action" or "options.rotation". `code` is an
    error code of docs/api.md (Errors).
    """

    code = "VALIDATION_ERROR"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
