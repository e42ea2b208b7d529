"""The texts of sheets, in English and Korean."""

from dataclasses import dataclass
from datetime import datetime

from gpu.layouts.album import Language

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Words:
    """The texts in one language."""

    before: str
    after: str
    original: str
    options: str
    colours: str
    contents: str
    missing: str
    pairs: str
    failed: str


WORDS = {
    Language.EN: Words(
        before="Before",
        after="After",
        original="Original",
        options="Options",
        colours="Colours and materials",
        contents="Contents",
        missing="Missing",
        pairs="Before and after",
        failed="No result",
    ),
    Language.KO: Words(
        before="변경 전",
        after="변경 후",
        original="원본",
        options="옵션",
        colours="색상과 마감재",
        contents="구성",
        missing="없음",
        pairs="전후 비교",
        failed="결과 없음",
    ),
}


def date_words(moment: datetime, language: Language) -> str:
    """A date in long form."""
    if language is Language.KO:
        return f"{moment.year}년 {moment.month}월 {moment.day}일"
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def count_words(count: int, language: Language) -> str:
    """A number of photos."""
    if language is Language.KO:
        return f"사진 {count}장"
    return f"{count} photo" if count == 1 else f"{count} photos"
