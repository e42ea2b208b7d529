"""The keys of the `details` of each error, read from the calls that create the errors."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from webapp.domain.errors import DomainError
from webapp.domain.image_errors import IMAGE_ERRORS
from webapp.domain.images import TRAINING_IMAGE

CODE = Path(__file__).parents[1]


def details(classes: Iterable[type[DomainError]]) -> Mapping[str, list[str]]:
    """Return the names in `details` by code: the keyword arguments of all calls of each class.

    The errors of image files are created from a table; they name the files, and the limit if any.
    """
    codes = {error.__name__: error.code for error in classes}
    names: dict[str, set[str]] = defaultdict(set)
    any_call = re.compile(rf"\b({'|'.join(codes)})\(")
    texts = (file.read_text(encoding="utf-8") for file in CODE.rglob("*.py"))
    for tree in (ast.parse(text) for text in texts if any_call.search(text)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (code := codes.get(_called(node))):
                names[code] |= {name for keyword in node.keywords for name in _names(keyword)}
    for code in IMAGE_ERRORS:
        names[code] |= {"images", *TRAINING_IMAGE.allowed(code)}
    return {code: sorted(keys) for code, keys in names.items()}


def _names(keyword: ast.keyword) -> list[str]:
    """Return the name of an argument, or the keys of `**{"from": …}`."""
    if keyword.arg:
        return [keyword.arg]
    keys = keyword.value.keys if isinstance(keyword.value, ast.Dict) else []
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]


def _called(call: ast.Call) -> str:
    """Return the name that is called: `StyleNotFound` of `errors.StyleNotFound(id=1)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
