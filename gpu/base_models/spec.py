"""What the engine must know about a base model before reading a single weight."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BaseModelSpec:
    """One entry of the registry.

    `source` is a folder or hub id; `sizes` are (width, height) in pixels that it draws well;
    `native_side` is the side in pixels of the square it was trained on, 0 to read it from the
    UNet's own configuration; training counts are optimizer steps. Frames whose shorter side
    exceeds the native one are drawn small first, then enlarged and redrawn over the last
    `redraw_share` of the steps. A style asked for at strength 1 is worn at `worn_strength`.
    Of the noise that a step leaves, `noise_kept` is given to the next one; less than 1 is for a
    network that predicts clean latents and leaves noise in them, with a scheduler of first order.
    `cpu_threads` compute one operation on a CPU, `None` for one per core.
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
    training_steps_per_work: int
    max_training_steps: int
    min_snr_gamma: float | None
    guidance_rescale: float = 0.0
    redraw_share: float = 0.6
    worn_strength: float = 1.0
    noise_kept: float = 1.0
    scheduler: str = "UniPCMultistepScheduler"
    training_batch_size: int = 4
    sample_steps: int = 12
    cpu_threads: int | None = None
    max_adapter_bytes: int = 1 << 30

    def steps_for(self, works: int) -> int:
        """Optimizer steps that suit a training on `works` pictures."""
        return min(
            self.training_steps + self.training_steps_per_work * works, self.max_training_steps
        )
