"""Recognise a picture: which registered pictures the evidence of each layer proves.

A layer proposes a registered picture, and the two are compared before anything is claimed. Only the
very file and trusted credentials need no comparison. Nothing here changes a row.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.examiner import (
    Comparison,
    CredentialsState,
    Examiner,
    FileClaims,
    Mark,
    ShownPicture,
)
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.queries import registry as registry_queries
from webapp.domain.queries.registry import RegisteredPicture
from webapp.domain.queries.verifications import Finding, Layer, Method, Note, Report

TRUSTED_CONFIDENCE = 0.99
MARK_CONFIDENCES = {Comparison.SAME: 0.99, Comparison.UNCLEAR: 0.9}
PERCEPTUAL_CONFIDENCE = 0.95
QUICK_COMPARISONS, DEEP_COMPARISONS = 4, 20
"""Of the nearest registered pictures. One takes about 0.15 seconds of a processor."""
LOOKED_UP_MARKS, COMPARED_MARKS = 64, 4
"""Of the marks that are not certain; noise gives about ten in a deep search."""

_STATE_NOTES = {
    CredentialsState.INVALID: Note.CREDENTIALS_INVALID,
    CredentialsState.UNTRUSTED: Note.CREDENTIALS_UNTRUSTED,
}


@dataclass(frozen=True, slots=True)
class PictureRegistry:
    """Where registered pictures are read: rows, files, and the engine that compares them."""

    unit_of_work: UnitOfWork
    storage: Storage
    examiner: Examiner


def recognise_file(registry: PictureRegistry, sha256: str) -> Report:
    """Find pictures one of whose delivered files is this one."""
    evidence = _Evidence(registry)
    evidence.of_file(sha256)
    return evidence.report()


def recognise(registry: PictureRegistry, claims: FileClaims, picture: bytes) -> Report:
    """Examine a picture by all quick layers; it is no delivered file. `picture` is a PNG of ours.

    A layer that proves something ends the examination.
    """
    evidence = _Evidence(registry)
    evidence.checked.append(Layer.HASH)
    claimed = evidence.of_claims(claims)
    if not evidence.is_certain:
        shown = registry.examiner.shown(picture)
        evidence.of_marks(Layer.WATERMARK, shown, shown.marks(deep=False))
        if not evidence.is_certain:
            evidence.of_likeness(shown, claimed, QUICK_COMPARISONS)
    return evidence.report()


def search(registry: PictureRegistry, picture: bytes) -> Report:
    """Search a picture for the watermark of a part, and compare more of the pictures like it."""
    evidence = _Evidence(registry)
    shown = registry.examiner.shown(picture)
    evidence.of_marks(Layer.WATERMARK_SEARCH, shown, shown.marks(deep=True))
    if not evidence.is_certain:
        evidence.of_likeness(shown, (), DEEP_COMPARISONS)
    return evidence.report()


@dataclass
class _Evidence:
    """What has been found so far; of several findings of one certificate the surest counts."""

    registry: PictureRegistry
    checked: list[Layer] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _findings: dict[str, Finding] = field(default_factory=dict)

    @property
    def is_certain(self) -> bool:
        """Whether a comparison, a file or a signature has proved a certificate."""
        unclear = MARK_CONFIDENCES[Comparison.UNCLEAR]
        return any(finding.confidence > unclear for finding in self._findings.values())

    def report(self) -> Report:
        return Report(
            tuple(self._findings.values()), tuple(self.checked), tuple(dict.fromkeys(self.notes))
        )

    def of_file(self, sha256: str) -> None:
        self.checked.append(Layer.HASH)
        with self.registry.unit_of_work() as session:
            pictures = registry_queries.by_sha256(session, sha256)
        self._find(pictures, Method.HASH, 1.0)

    def of_claims(self, claims: FileClaims) -> list[RegisteredPicture]:
        """Note what credentials and metadata say; return pictures that they only propose."""
        self.checked += [Layer.CREDENTIALS, Layer.METADATA]
        if claims.credentials in _STATE_NOTES:
            self.notes.append(_STATE_NOTES[claims.credentials])
        is_proof = claims.credentials is CredentialsState.TRUSTED
        credited = self._claimed(claims.credentials_id)
        if credited and is_proof:
            self._find([credited], Method.CREDENTIALS, TRUSTED_CONFIDENCE)
        named = self._claimed(claims.xmp_id)
        return [picture for picture in (None if is_proof else credited, named) if picture]

    def _claimed(self, public_id: str | None) -> RegisteredPicture | None:
        if public_id is None:
            return None
        with self.registry.unit_of_work() as session:
            picture = registry_queries.by_public_id(session, public_id)
        if picture is None:
            self.notes.append(Note.CERTIFICATE_UNKNOWN)
        return picture

    def of_marks(self, layer: Layer, shown: ShownPicture, marks: Iterable[Mark]) -> None:
        """Find the picture of a mark, unless it was copied onto another one.

        Of several readings of one number the surest decides; one that proves the picture ends it.
        """
        self.checked.append(layer)
        answers: dict[str, tuple[float, Comparison, RegisteredPicture]] = {}
        for mark, picture in self._issued(marks):
            compared = self._compared(shown, picture, mark)
            if compared is None:
                self.notes.append(Note.MARK_OF_DELETED_PICTURE)
                continue
            known = answers.get(picture.public_id)
            if compared is Comparison.SAME or known is None or known[0] < mark.score:
                answers[picture.public_id] = mark.score, compared, picture
            if compared is Comparison.SAME:
                break
        for _, compared, picture in answers.values():
            if compared is Comparison.OTHER:
                self.notes.append(Note.MARK_OF_OTHER_PICTURE)
            else:
                self._find([picture], Method.WATERMARK, MARK_CONFIDENCES[compared])

    def _issued(self, marks: Iterable[Mark]) -> Iterator[tuple[Mark, RegisteredPicture]]:
        """The marks whose numbers were issued; noise that looks like a mark has no such number."""
        weak = compared = 0
        for mark in marks:
            weak += not mark.is_certain
            if not mark.is_certain and weak > LOOKED_UP_MARKS:
                continue
            with self.registry.unit_of_work() as session:
                pictures = registry_queries.by_watermark(session, mark.number)
            if mark.is_certain and not pictures:
                self.notes.append(Note.MARK_UNKNOWN)
            for picture in pictures:
                compared += 1
                if mark.is_certain or compared <= COMPARED_MARKS:
                    yield mark, picture

    def of_likeness(
        self, shown: ShownPicture, claimed: Iterable[RegisteredPicture], limit: int
    ) -> None:
        """Compare with the pictures that the file names, and with the nearest by hash."""
        self.checked.append(Layer.PERCEPTUAL)
        with self.registry.unit_of_work() as session:
            near = registry_queries.near(session, shown.hashes(), limit)
        pictures = {picture.public_id: picture for picture in claimed}
        only_claimed = set(pictures)
        pictures |= {candidate.picture.public_id: candidate.picture for candidate in near}
        for public_id, picture in pictures.items():
            compared = self._compared(shown, picture)
            if compared is Comparison.SAME:
                self._find([picture], Method.PERCEPTUAL, PERCEPTUAL_CONFIDENCE)
            elif compared is Comparison.OTHER and public_id in only_claimed:
                self.notes.append(Note.CERTIFICATE_OF_OTHER_PICTURE)

    def _compared(
        self, shown: ShownPicture, picture: RegisteredPicture, mark: Mark | None = None
    ) -> Comparison | None:
        """Compare with the delivered file.

        Once that is deleted, with its hash: UNCLEAR if this is near, else None, because it may be a
        part of the picture as well as another one.
        """
        if picture.image_key is not None:
            with suppress(ObjectMissing):
                return shown.compare(self.registry.storage.get(picture.image_key), mark)
        return Comparison.UNCLEAR if picture.is_near(shown.hashes()) else None

    def _find(
        self, pictures: Iterable[RegisteredPicture], method: Method, confidence: float
    ) -> None:
        """Record pictures, and with them all others that were ordered with the same settings."""
        for picture in pictures:
            self._record(Finding(picture.public_id, method, confidence))
            with self.registry.unit_of_work() as session:
                twins = registry_queries.twins(session, picture)
            certainty = min(confidence, PERCEPTUAL_CONFIDENCE)
            for twin in twins:
                self._record(Finding(twin.public_id, Method.TWIN, certainty))

    def _record(self, finding: Finding) -> None:
        known = self._findings.get(finding.public_id)
        if known is None or known.confidence < finding.confidence:
            self._findings[finding.public_id] = finding
