"""One training in one go, in a process of its own: `python -m tests.chaos.undisturbed JOB.json`.

The job file names the works, trigger, seed and metadata; the answer is the adapter's SHA-256.
"""

import json
import sys
from pathlib import Path

from gpu.training.recipe import TrainedStyle, TrainingArtwork, TrainingConfig
from gpu.training.trainer import train
from tests import tiny_base


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text())
    outcome = train(
        TrainingConfig(
            base_model=tiny_base.NAME,
            artworks=tuple(
                TrainingArtwork(Path(work["path"]), tuple(work["tags"])) for work in job["works"]
            ),
            trigger=job["trigger"],
            output_dir=job_file.parent / "undisturbed",
            seed=job["seed"],
            metadata=job["metadata"],
        ),
        on_progress=lambda _: None,
        should_stop=lambda: False,
    )
    assert isinstance(outcome, TrainedStyle)
    sys.stdout.write(outcome.adapter_sha256)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
