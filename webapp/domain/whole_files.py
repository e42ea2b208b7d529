"""Write a file whole or not at all, with its access rights from the first byte."""

import os
import secrets
from pathlib import Path

PRIVATE, PUBLIC = 0o600, 0o644


def write_whole(file: Path, content: bytes, *, mode: int) -> None:
    """Write or replace a file; until it is complete, readers see the old one or none."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(content)
    new.replace(file)
