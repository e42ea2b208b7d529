"""Every way the engine can fail, by name: a stable cause and whether trying again can help."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UnusableWork:
    """A work that cannot be learned from: the name of its file, and the code of what is wrong."""

    name: str
    code: str


class EngineError(Exception):
    """Base of all engine failures; the class, not the message, carries the verdict."""

    cause: str = "ENGINE_ERROR"
    retryable: bool = True


class LowQualityData(EngineError):
    """The works cannot teach a style: too few are left without the `unusable` ones."""

    cause = "LOW_QUALITY_DATA"
    retryable = False

    def __init__(self, message: str, unusable: tuple[UnusableWork, ...] = ()) -> None:
        super().__init__(message)
        self.unusable = unusable


class TrainingDiverged(EngineError):
    """A loss or a weight of this training is no finite number; the same seed would do it again."""

    cause = "TRAINING_DIVERGED"
    retryable = False


class GpuOutOfMemory(EngineError):
    """Even one image at a time does not fit into memory."""

    cause = "GPU_OOM"
    retryable = True


class ModelMissing(EngineError):
    """The base model is not on this machine, incomplete, or in a format that is refused."""

    cause = "MODEL_MISSING"
    retryable = False


class AdapterMismatch(EngineError):
    """A style or checkpoint file is absent, damaged, or belongs to something else."""

    cause = "ADAPTER_MISMATCH"
    retryable = True


class StyleOutdated(EngineError):
    """The style was trained on another base model, or other weights of it: it must be retrained."""

    cause = "STYLE_OUTDATED"
    retryable = False


class InvalidPrompt(EngineError):
    """The prompt, its size or its numbers cannot be rendered."""

    cause = "INVALID_PROMPT"
    retryable = False


class InvalidPicture(InvalidPrompt):
    """The picture that is to be repainted, its mask or how much of it cannot be used."""


class SafetyBlocked(EngineError):
    """The picture came out blank or blocked; it is never delivered."""

    cause = "SAFETY_BLOCKED"
    retryable = False


class Stopped(EngineError):
    """The caller asked to stop; nothing is wrong."""

    cause = "STOPPED"
    retryable = False
