"""A zip that is sent while it is written."""

import zipfile
from collections.abc import Iterable, Iterator

READABLE = 0o644 << 16  # by everybody, once unpacked
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip: the same files make the same archive
PACKED = (".png", ".jpg", ".jpeg", ".webp", ".pdf")  # already: compressing gains nothing


class Unsent:
    """What a zip has written and nobody has taken yet; without positions, so it is a stream."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Do nothing: all is kept until it is taken."""

    def take(self) -> bytes:
        """Return the pieces since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def pieces(entries: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the zip of these names and contents, each read when the one before is sent."""
    unsent = Unsent()
    with zipfile.ZipFile(unsent, "w") as archive:  # type: ignore[call-overload]
        for name, content in entries:
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.external_attr = READABLE
            if not name.endswith(PACKED):
                entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
            yield unsent.take()
    yield unsent.take()
