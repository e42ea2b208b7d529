import pytest

from gpu.pretrain.model import Shape


@pytest.fixture(scope="session")
def tiny_shape() -> Shape:
    """Networks whose training step takes milliseconds, for latents of 8 channels."""
    return Shape(
        widths=(16, 32),
        text_width=64,
        time_width=64,
        latent_channels=8,
        groups=8,
        detail_width=16,
        detail_depth=1,
    )
