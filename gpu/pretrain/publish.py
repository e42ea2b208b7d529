"""Publish a checkpoint: `python -m gpu.pretrain.publish --model DIR --codec DIR --to DIR`."""

import argparse
from pathlib import Path

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.model import NATIVE_CELLS, save_model
from gpu.pretrain.sample import load_networks


def main() -> None:
    """Write the networks of one folder and the codec of another as one diffusers folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--codec", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    networks = load_networks(arguments.model)
    codec = PatchCodec.from_pretrained(arguments.codec)
    networks.unet.register_to_config(sample_size=NATIVE_CELLS, _name_or_path="")
    codec.register_to_config(_name_or_path="")  # a local path means nothing on other machines
    save_model(arguments.to, networks, codec)


if __name__ == "__main__":
    main()
