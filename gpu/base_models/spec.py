"""Settings of a base model that are needed before its weights are read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BaseModelSpec:
    """One entry of the registry.

    `source` is a folder or hub id. `sizes` are the supported (width, height) in pixels.
    `native_side` is the side in pixels of the square it was trained on; 0 takes it from the UNet's
    config. Training counts are optimizer steps. A frame whose shorter side exceeds the native one
    is sampled small, enlarged, and redrawn over the last `redraw_share` of the steps.
    `lora_scale` multiplies the adapter weight of each request.
    `cpu_threads` is the number of threads per operation on a CPU, `None` for one per core.
    """

    name: str
    source: str
    native_side: int
    sizes: tuple[tuple[int, int], ...]
    default_steps: int
    guidance_scale: float
    lora_rank: int
    lora_alpha: float
    lora_learning_rate: float
    training_steps: int
    training_steps_per_artwork: int
    max_training_steps: int
    min_snr_gamma: float | None
    guidance_rescale: float = 0.0
    redraw_share: float = 0.6
    lora_scale: float = 1.0
    scheduler: str = "UniPCMultistepScheduler"
    training_batch_size: int = 4
    sample_steps: int = 12
    cpu_threads: int | None = None
    max_adapter_bytes: int = 1 << 30

    def steps_for(self, artworks: int) -> int:
        """Default optimizer steps for a training on that many artworks."""
        return min(
            self.training_steps + self.training_steps_per_artwork * artworks,
            self.max_training_steps,
        )
