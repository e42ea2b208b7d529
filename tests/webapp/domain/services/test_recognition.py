"""Weak marks are looked up among the issued numbers; noise is no mark."""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import func, select, update

from tests import delivering
from webapp.domain.gateways.examiner import Comparison, CredentialsState, FileClaims
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.domain.queries.verifications import Note
from webapp.domain.services import recognition
from webapp.domain.services.recognition import COMPARED_MARKS, LOOKED_UP_MARKS, PictureRegistry

NO_CLAIMS = FileClaims(CredentialsState.ABSENT)


@dataclass(frozen=True)
class Reading:
    number: int
    answer: Comparison = Comparison.OTHER
    score: float = 9.0

    @property
    def is_certain(self):
        return self.score > 11


class Shown:
    """A picture from which given marks are read."""

    def __init__(self, readings, hashes):
        self.readings = iter(readings)
        self.compared = 0
        self._hashes = hashes

    def hashes(self):
        return self._hashes

    def marks(self, *, deep):
        return self.readings

    def compare(self, _registered, mark=None):
        self.compared += 1
        return mark.answer if mark else Comparison.OTHER


class Engine:
    def __init__(self, shown):
        self._shown = shown

    def shown(self, _picture):
        return self._shown


@pytest.fixture
def made(session, storage, ordered):
    delivering.deliver(session, storage, ordered, delivering.picture(), marked=False)
    return ordered


@pytest.fixture
def recognised(session, storage, made):
    """The report on a picture with these readings, and how often it was compared."""

    def report(*readings, hashes=(0,)):
        shown = Shown(readings, hashes)
        registry = PictureRegistry(lambda: nullcontext(session), storage, Engine(shown))
        return recognition.recognise(registry, NO_CLAIMS, b""), shown

    return report


def noise(count):
    return [Reading(number) for number in range(1, count + 1)]


def test_a_weak_mark_with_an_issued_number_proves_its_picture(recognised, made):
    report, _ = recognised(*noise(9), Reading(made.watermark_number, Comparison.SAME))
    [finding] = report.findings
    assert (finding.public_id, finding.method) == (made.license_public_id, "watermark")
    assert (finding.confidence, report.notes) == (0.99, ())


def test_a_number_that_was_never_issued_is_noted_only_of_a_certain_mark(recognised):
    assert recognised(*noise(3))[0].notes == ()
    assert recognised(*noise(3), Reading(5, score=12))[0].notes == (Note.MARK_UNKNOWN,)


def test_the_surest_reading_of_a_copied_mark_decides(recognised, made):
    number = made.watermark_number
    report, _ = recognised(Reading(number, Comparison.UNCLEAR), Reading(number, score=12))
    assert (report.findings, report.notes) == ((), (Note.MARK_OF_OTHER_PICTURE,))
    report, _ = recognised(Reading(number), Reading(number, Comparison.UNCLEAR, score=12))
    assert [finding.confidence for finding in report.findings] == [0.9]


def test_a_proof_ends_the_reading(recognised, made):
    proof = Reading(made.watermark_number, Comparison.SAME)
    _, shown = recognised(proof, *noise(5))
    assert len(list(shown.readings)) == 5


def test_weak_marks_are_looked_up_and_compared_a_bounded_number_of_times(recognised, made):
    number = made.watermark_number
    report, _ = recognised(*noise(LOOKED_UP_MARKS), Reading(number, Comparison.SAME))
    assert report.findings == ()
    _, shown = recognised(*[Reading(number)] * 20)
    assert COMPARED_MARKS <= shown.compared <= COMPARED_MARKS + 1


def test_a_certain_mark_counts_after_any_noise(recognised, made):
    certain = Reading(made.watermark_number, Comparison.SAME, score=12)
    report, _ = recognised(*noise(LOOKED_UP_MARKS + 1), certain)
    assert [finding.method for finding in report.findings] == ["watermark"]


def test_the_mark_of_a_deleted_picture_proves_nothing_unless_the_hashes_are_near(
    session, recognised, made
):
    [own] = session.scalars(select(Certificate.perceptual_hash))
    session.execute(update(Generation).values(image_key=None, deleted_at=func.now()))
    mark = Reading(made.watermark_number, Comparison.SAME, score=12)
    far = int(own, 16) ^ 0xFFFF
    report, _ = recognised(mark, hashes=(far,))
    assert (report.findings, report.notes) == ((), (Note.MARK_OF_DELETED_PICTURE,))
    report, _ = recognised(replace(mark), hashes=(far, int(own, 16) ^ 0b11 - 2**64))
    assert [(finding.method, finding.confidence) for finding in report.findings] == [
        ("watermark", 0.9)
    ]
