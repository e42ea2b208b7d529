"""How many photos a minute SAM3 segments: `make bench-sam3`; `var/bench/sam3.json`.

The weights are random, so this says nothing of what is found: times depend on shapes alone. Where
there is a GPU, the network has its published size; on a CPU, unless `--full` is given, it is the
tiny one of the tests, which only shows what encoding a photo once saves.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, Sam3Config, Sam3Model

from gpu.device import pick_device, pick_dtype
from gpu.segmenting.interface import Concept
from gpu.segmenting.sam3 import Sam3Segmenter
from gpu.segmenting.scenes.rooms import draw_room
from tests.tiny_sam3 import random_sam3, tiny_config, word_tokenizer

FILE = Path("var/bench/sam3.json")
NAMES = (
    "wall", "floor", "ceiling", "window", "door", "moulding",
    "tile", "grout", "cabinet", "countertop", "lamp", "handle",
)  # fmt: skip
CONCEPTS = tuple(Concept(name.title(), name, is_many=True) for name in NAMES)
SIZE = (1600, 1200)
MASKS = 24  # of one photo
_BEGIN, _END = 49406, 49407  # as CLIP numbers them


def full_segmenter(device: torch.device) -> Sam3Segmenter:
    """The published size, made on the device in its precision: nothing of it is ever read."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(pick_dtype(device))
    try:
        with device:
            model = Sam3Model(Sam3Config())
    finally:
        torch.set_default_dtype(before)
    words = {name: index for index, name in enumerate(("!", *NAMES))}
    words |= {"<begin>": _BEGIN, "<end>": _END}
    rule = Tokenizer(models.WordLevel(words, "!"))
    rule.pre_tokenizer = pre_tokenizers.Whitespace()
    rule.post_processor = processors.TemplateProcessing(
        single="<begin> $A <end>", special_tokens=[("<begin>", _BEGIN), ("<end>", _END)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rule, pad_token="!", unk_token="!")
    return Sam3Segmenter(model, tokenizer, version="random", least_score=0)


def tiny_segmenter(device: torch.device) -> Sam3Segmenter:
    model = random_sam3(tiny_config()).to(device)
    return Sam3Segmenter(model, word_tokenizer(), version="random", least_score=0)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def measure(segmenter: Sam3Segmenter, photos: list[Image.Image]) -> dict[str, float]:
    device = segmenter._model.device
    # random scores are all alike: as many masks are kept as a real photo may have
    scores = [one.scores for one in segmenter.predict(photos[:1], CONCEPTS)[0]]
    segmenter.least_score = float(np.sort(np.concatenate(scores))[-MASKS])
    segmenter.segment(photos[0], CONCEPTS)  # the first call chooses kernels
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    batch = seconds(lambda: segmenter.segment_batch(photos, CONCEPTS), device)
    network = seconds(lambda: segmenter.predict(photos, CONCEPTS), device)
    # what it would take to encode the photo again for each prompt
    apart = seconds(
        lambda: [segmenter.predict(photos[:1], [concept]) for concept in CONCEPTS], device
    )
    figures = {
        "photos": len(photos),
        "concepts": len(CONCEPTS),
        "photos a minute": 60 * len(photos) / batch,
        "photos a minute, the network alone": 60 * len(photos) / network,
        "one call for each prompt, times as long": apart / (network / len(photos)),
    }
    if device.type == "cuda":
        figures["most memory, GiB"] = torch.cuda.max_memory_allocated(device) / (1 << 30)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--full", action="store_true", help="the published size on a CPU too")
    settings = parser.parse_args()
    device = pick_device()
    is_full = settings.full or device.type == "cuda"
    segmenter = (full_segmenter if is_full else tiny_segmenter)(device)
    photos = [draw_room(seed, SIZE).image for seed in range(settings.photos)]
    record = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "parameters": sum(weights.numel() for weights in segmenter._model.parameters()),
        **measure(segmenter, photos),
    }
    for name, value in record.items():
        print(f"{name}: {value if isinstance(value, str) else f'{value:.4g}'}")  # noqa: T201
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
