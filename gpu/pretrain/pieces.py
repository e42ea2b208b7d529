"""Split the archive of a run into files of a bounded size, to copy it between machines.

`python -m gpu.pretrain.pieces split RUN PIECES --mebibytes 15` writes the run's checkpoint and
model as numbered files with an index of their hashes; `join PIECES RUN` restores them and fails if
one is missing or damaged. `gpu.pretrain.train --out RUN --resume` then continues the run.
"""

import argparse
import hashlib
import io
import json
import tarfile
from pathlib import Path

CONTENTS = (
    "state.pt",
    "metrics.json",
    "model",
    "vae",
)  # the cache of scenes is left out: it can be drawn again
INDEX = "pieces.json"


def split(run: Path, pieces: Path, *, size: int) -> list[Path]:
    """Archive `CONTENTS` of a run in files of at most `size` bytes, with an index; their paths."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in CONTENTS:
            if (run / name).exists():
                tar.add(run / name, arcname=name)
    content = archive.getbuffer()
    pieces.mkdir(parents=True, exist_ok=True)
    paths, hashes = [], {}
    for number, start in enumerate(range(0, len(content), size)):
        path = pieces / f"piece-{number:04d}"
        part = content[start : start + size]
        path.write_bytes(part)
        hashes[path.name] = hashlib.sha256(part).hexdigest()
        paths.append(path)
    (pieces / INDEX).write_text(json.dumps(hashes, indent=1) + "\n")
    return paths


def join(pieces: Path, run: Path) -> None:
    """Restore a run; raises `ValueError` with the name of a piece that is missing or damaged."""
    archive = io.BytesIO()
    for name, expected in json.loads((pieces / INDEX).read_text()).items():
        path = pieces / name
        if not path.is_file():
            raise ValueError(f"{name} is missing")
        part = path.read_bytes()
        if hashlib.sha256(part).hexdigest() != expected:
            raise ValueError(f"{name} is damaged")
        archive.write(part)
    archive.seek(0)
    run.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=archive) as tar:
        tar.extractall(run, filter="data")


def main() -> None:
    """Split or join."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("split", "join"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--mebibytes", type=int, default=15)
    arguments = parser.parse_args()
    if arguments.command == "split":
        split(arguments.source, arguments.target, size=arguments.mebibytes << 20)
    else:
        join(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
