"""Convert a style file, which diffusers reads as it is, to the layout of another tool.

`python -m gpu.training.convert style.safetensors out.safetensors` writes the kohya layout, for
AUTOMATIC1111, ComfyUI, SD.Next and InvokeAI. `… --layout peft style.safetensors FOLDER` writes an
adapter folder for `PeftModel.from_pretrained`, to be loaded on the UNet.
"""

import argparse
from pathlib import Path

import torch
from diffusers.utils import convert_state_dict_to_kohya
from peft.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors import safe_open
from safetensors.torch import save_file

from gpu.base_models.lora_config import FILE_PREFIX, read_lora_config

_PEFT_PREFIX = "base_model.model."


def write_kohya(style: Path, out: Path) -> None:
    """Write a style in kohya's layout, with its metadata."""
    tensors, metadata = _read(style)
    converted = convert_state_dict_to_kohya(tensors)
    alpha = torch.tensor(float(read_lora_config(metadata).lora_alpha))
    for name in converted:
        if name.endswith(".alpha"):  # the library assumes alpha = rank
            converted[name] = alpha.clone()
    save_file({name: value.contiguous() for name, value in converted.items()}, out, metadata)


def write_peft(style: Path, folder: Path) -> None:
    """Write a style as a PEFT adapter: `adapter_config.json` and `adapter_model.safetensors`."""
    tensors, metadata = _read(style)
    folder.mkdir(parents=True, exist_ok=True)
    config = read_lora_config(metadata)
    config.base_model_name_or_path = metadata["base_model"]
    config.save_pretrained(folder)
    renamed = {
        _PEFT_PREFIX + name.removeprefix(FILE_PREFIX): value for name, value in tensors.items()
    }
    save_file(renamed, folder / SAFETENSORS_WEIGHTS_NAME, metadata)


def _read(style: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(style, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return tensors, opened.metadata()


def main() -> None:
    """Read the command line and convert."""
    layouts = {"kohya": write_kohya, "peft": write_peft}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("style", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--layout", choices=layouts, default="kohya")
    arguments = parser.parse_args()
    layouts[arguments.layout](arguments.style, arguments.out)


if __name__ == "__main__":
    main()
