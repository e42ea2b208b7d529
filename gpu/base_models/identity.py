"""One hash over the weights of a model folder. Needs no torch."""

import hashlib
from pathlib import Path

BUILT_IN_FOLDER = Path(__file__).parent / "built_in"
_TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
_HASH_BLOCK = 1 << 20


def text_encoders(folder: Path) -> tuple[str, ...]:
    """Return the text encoders of a model in diffusers layout: one, or the two of SDXL."""
    return tuple(
        name for name in _TEXT_ENCODERS if name == "text_encoder" or (folder / name).exists()
    )


def components(folder: Path) -> tuple[str, ...]:
    """Return the subfolders with weights of a model in diffusers layout."""
    return ("unet", *text_encoders(folder), "vae")


def weights_sha256(folder: Path) -> str:
    """Return one hash for all weights, recorded in each adapter trained on them."""
    whole = hashlib.sha256()
    for component in components(folder):
        for path in sorted((folder / component).glob("*.safetensors")):
            part = hashlib.sha256()
            with path.open("rb") as stream:
                while block := stream.read(_HASH_BLOCK):
                    part.update(block)
            whole.update(f"{component}/{path.name}:{part.hexdigest()}\n".encode())
    return whole.hexdigest()
