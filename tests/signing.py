"""Chains for Content Credentials, made anew for each process of the tests."""

import tempfile
from functools import cache
from pathlib import Path

from webapp.domain.chain_issuing import CHAIN, DEVELOPMENT, KEY, ROOTS, issue_chain

_FOLDER = tempfile.TemporaryDirectory(prefix="style-license-chain-")


def environment(folder: Path) -> dict[str, str]:
    """The variables of a process that signs with the chain in this folder."""
    return {
        "CONTENT_CREDENTIALS_CHAIN": str(folder / CHAIN),
        "CONTENT_CREDENTIALS_ROOTS": str(folder / ROOTS),
        "CONTENT_CREDENTIALS_KEY": str(folder / KEY),
    }


def development() -> dict[str, str]:
    """The variables of a process that signs with a chain for development."""
    return _made(DEVELOPMENT)


def production() -> dict[str, str]:
    """The variables of a process that signs with a chain of an operator."""
    return _made("An operator")


@cache
def _made(organisation: str) -> dict[str, str]:
    folder = Path(_FOLDER.name) / organisation
    issue_chain(folder, organisation=organisation)
    return environment(folder)
