"""Hundreds of files that strangers may send, each with its one right answer at every target."""

import collections
import functools

import pytest

from tests.hostile import foreign_cases, jpeg_cases, png_cases
from tests.hostile.case import CORRUPT, TARGETS
from webapp.domain import decoding_slots
from webapp.domain.image_processes import Upload, sanitise_many_in_subprocess
from webapp.domain.images import BadImage
from webapp.signer import can_sign

CASES = [*png_cases.cases(), *jpeg_cases.cases(), *foreign_cases.cases()]


@functools.cache
def file_of(case):
    return case.make()


@pytest.fixture(autouse=True)
def _slots_of_our_own(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_slots, "_folder", lambda: tmp_path)


def test_there_are_hundreds_of_cases_of_many_kinds():
    names = collections.Counter(case.name for case in CASES)
    assert max(names.values()) == 1, names.most_common(1)
    assert len(CASES) >= 300
    accepted = [case for case in CASES if case.work is None]
    assert len(accepted) >= 100, "what is sound must be taken"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(CASES[::4], id="every fourth"),
        pytest.param(CASES, id="all", marks=pytest.mark.long),
    ],
)
def test_every_file_has_its_right_answer(target, cases):
    """One child decodes them all, as it does for a style; see `image_processes`."""
    uploads = (Upload(file_of(case), target.limits, target.keep_alpha) for case in cases)
    wrong = {}
    results = sanitise_many_in_subprocess(uploads, person_id=1)
    for case, result in zip(cases, results, strict=True):
        found = answer(result, target)
        if found != target.expected(case):
            wrong[case.name] = f"{found} instead of {target.expected(case)}"
    assert wrong == {}


def answer(result, target):
    if isinstance(result, BadImage):
        return result.code
    # As `store_signature` does: what leaves no mark could never sign.
    return CORRUPT if target.name == "signature" and not can_sign(result.data) else None
