"""What the long storm is going to do, before it takes minutes to do it."""

import itertools
import random

import pytest

from tests.chaos import long_storm, tallies
from tests.chaos.reaping import WHOLE, chosen
from tests.processes import FAILPOINTS

# Nobody gets mails in a storm; tests/journeys/test_mail_digests.py kills there.
OF_MAIL = {"before_mail", "after_mail"}
IN_STORMS = set(FAILPOINTS) - OF_MAIL


def test_the_long_storm_kills_at_every_failpoint_of_the_product():
    assert long_storm.FAILPOINTS == IN_STORMS


@pytest.mark.parametrize("seed", range(5))
def test_every_failpoint_is_chosen_often_enough_and_the_same_seed_chooses_the_same(seed):
    first, again = (
        chosen(long_storm.PLACES, random.Random(seed), each=10, total=190) for _ in range(2)
    )
    assert first == again
    assert len(first) == 190
    for name in IN_STORMS:
        assert sum(target.place == name for target in first) >= 10


def test_whole_groups_are_killed_between_the_other_targets_and_not_all_at_one_end():
    targets = long_storm._targets(random.Random(1))
    groups = [number for number, target in enumerate(targets) if target.place == WHOLE]
    assert len(targets) == long_storm.KILLS
    assert sorted(targets[number].name for number in groups) == sorted(long_storm.GROUPS)
    assert groups[0] > 0
    assert groups[-1] < len(targets) - 1
    assert all(later - sooner > 1 for sooner, later in itertools.pairwise(groups))


def test_no_event_in_ten_thousand_orders_bounds_the_rate_by_the_rule_of_three():
    endings = {"orders": 5000, "completed": 4998, "refunded": {"WORKER_LOST": 2}}
    line = {
        "seed": 7,
        "endings": endings | dict.fromkeys(("lost", "doubled", "unrefunded", "late"), 0),
        "kills": {"gpu whole": 1, "web after_commit": 4},
        "by_failpoint": {"after_commit": 4},
        "outages": {"deploy": 2},
        "duplicated_messages": 9,
        "ledger_checks": 3,
        "seconds": 90,
    }
    printed = tallies.table([line, line])
    assert (
        "| 7 | 5000 | 4998 | 2 WORKER_LOST | 0 | 0 | 0 | 0 | 5 | 4 | 2 | 9 | 3 | 1.5 |" in printed
    )
    assert "2 seeds, 10000 orders, 10 kills" in printed
    assert "below 30.0 in 100,000" in printed
