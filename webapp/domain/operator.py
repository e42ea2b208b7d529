"""The business that runs this site, as its settings state it.

In Korea a shop must state all of it: article 10 of the Act on the Consumer Protection in Electronic
Commerce. Toss Payments asks its merchants for the same.
"""

from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import StringConstraints

OperatorText = Annotated[str, StringConstraints(max_length=200, pattern=r"\S")]
EmailText = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]


@dataclass(frozen=True, slots=True)
class Operator:
    """Business data word for word as configured; None where the operator has stated nothing."""

    name: str | None
    representative: str | None
    business_number: str | None
    mail_order_number: str | None
    address: str | None
    phone: str | None
    email: str | None
    hosting_provider: str | None

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the fields that are not stated."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) is None)

    @property
    def is_stated(self) -> bool:
        """Whether anything is stated."""
        return len(self.missing) < len(fields(self))
