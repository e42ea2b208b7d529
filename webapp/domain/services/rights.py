"""The rights statements that artists agree to before their artworks are used for training.

The exact text is stored with its version and time. A published version is never edited or removed;
a new version is added above it.
"""

from webapp.domain.errors import (
    FieldProblem,
    ValidationFailed,
)

VERSION = "2026-11"
STATEMENTS = {
    VERSION: {
        "en": (
            "I made these works myself, or I hold all rights to them. No one else has rights"
            " against their use here. I let Style License learn their style and sell pictures made"
            " in it under the licence, the price and the period that I chose. My works themselves"
            " are not licensed, published or passed on."
        ),
        "ko": (
            "이 작품들은 제가 직접 만들었거나 모든 권리를 제가 가지고 있습니다. 여기에 쓰는 데 다른"
            " 사람의 권리가 걸려 있지 않습니다. 저는 Style License가 이 작품들의 스타일을 학습하고,"
            " 제가 정한 라이선스와 가격, 기간에 따라 그 스타일로 만든 그림을 판매하는 데"
            " 동의합니다. 작품 자체는 라이선스되거나 공개되거나 넘겨지지 않습니다."
        ),
    }
}


def statement(language: str) -> str:
    """Return the current statement in a language."""
    return STATEMENTS[VERSION].get(language, STATEMENTS[VERSION]["en"])


def version_of(text: str) -> str:
    """Return the version of a statement. Raises ValidationFailed for an unknown text."""
    for version, texts in STATEMENTS.items():
        if text in texts.values():
            return version
    raise ValidationFailed(
        fields={"rights_statement": [FieldProblem("Must be a rights statement of this site.")]}
    )
