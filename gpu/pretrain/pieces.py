"""Carry a run between machines in pieces of a bounded size.

`python -m gpu.pretrain.pieces split RUN PIECES --mebibytes 15` writes the run's checkpoint and
model as numbered pieces with a list of their hashes; `join PIECES RUN` puts them back, or refuses
what is missing or damaged. `gpu.pretrain.train --out RUN --resume` then goes on where it was.
"""

import argparse
import hashlib
import io
import json
import tarfile
from pathlib import Path

KEPT = ("state.pt", "facts.json", "model", "vae")  # scenes are drawn again
LIST = "pieces.json"


def split(run: Path, pieces: Path, *, size: int) -> list[Path]:
    """Write what `KEPT` names of a run as pieces of at most `size` bytes, and their list."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in KEPT:
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
    (pieces / LIST).write_text(json.dumps(hashes, indent=1) + "\n")
    return paths


def join(pieces: Path, run: Path) -> None:
    """Put a run back together; raises `ValueError` naming a piece that is missing or damaged."""
    whole = io.BytesIO()
    for name, expected in json.loads((pieces / LIST).read_text()).items():
        path = pieces / name
        if not path.is_file():
            raise ValueError(f"{name} is missing")
        part = path.read_bytes()
        if hashlib.sha256(part).hexdigest() != expected:
            raise ValueError(f"{name} is damaged")
        whole.write(part)
    whole.seek(0)
    run.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=whole) as tar:
        tar.extractall(run, filter="data")


def main() -> None:
    """Split or join."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("split", "join"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--mebibytes", type=int, default=15)
    arguments = parser.parse_args()
    if arguments.act == "split":
        split(arguments.source, arguments.target, size=arguments.mebibytes << 20)
    else:
        join(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
