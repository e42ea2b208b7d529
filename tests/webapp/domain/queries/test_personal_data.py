"""Which tables a copy of one's own data reads."""

import re

from webapp.domain.db import Base
from webapp.domain.queries import personal_data

OWNERS = {"users", "artists", "accounts", "sets_accounts"}
LEFT_OUT = {
    "audit_entries": "what administrators did",
    "data_exports": "the copies themselves",
    "idempotency_keys": "answers that were given already, for a day",
    "ledger_sealed_balances": "sums of the transfers in it",
    "notifications": "they name other people, and what they tell is in it",
    "sets_idempotency_keys": "answers that were given already, for a day",
    "taken_names": "skeletons of the names in it",
}


def test_a_copy_of_ones_data_reads_every_table_of_persons_that_is_not_left_out_for_a_reason():
    statements = " ".join(str(each) for each in personal_data.statements(1).values())
    read = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", statements))
    of_persons = {
        table.name
        for table in Base.metadata.sorted_tables
        if any(key.column.table.name in OWNERS for key in table.foreign_keys)
    }
    assert of_persons - read == set(LEFT_OUT)
