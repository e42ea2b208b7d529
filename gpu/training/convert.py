"""A style file for the common user interfaces (AUTOMATIC1111, ComfyUI, SD.Next, InvokeAI).

`python -m gpu.training.convert style.safetensors out.safetensors` writes the kohya layout; the file
as it is opens in diffusers.
"""

import argparse
from pathlib import Path

import torch
from diffusers.utils import convert_state_dict_to_kohya
from safetensors import safe_open
from safetensors.torch import save_file


def write_kohya(style: Path, out: Path) -> None:
    """Write a style in kohya's layout; its metadata go along."""
    with safe_open(style, framework="pt") as opened:
        metadata = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    converted = convert_state_dict_to_kohya(tensors)
    alpha = torch.tensor(float(metadata["alpha"]))
    for name in converted:
        if name.endswith(".alpha"):  # the library takes the rank for it
            converted[name] = alpha.clone()
    save_file({name: value.contiguous() for name, value in converted.items()}, out, metadata)


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("style", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    write_kohya(arguments.style, arguments.out)


if __name__ == "__main__":
    main()
