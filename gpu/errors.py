"""All failures of the engine, each with a stable cause and whether a retry can help."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UnusableArtwork:
    """An artwork that cannot be used for training: its file name and an error code."""

    name: str
    code: str


class EngineError(Exception):
    """Base of all engine failures; `cause` and `retryable` belong to the class."""

    cause: str = "ENGINE_ERROR"
    retryable: bool = True


class LowQualityData(EngineError):
    """Too few artworks remain without the `unusable` ones."""

    cause = "LOW_QUALITY_DATA"
    retryable = False

    def __init__(self, message: str, unusable: tuple[UnusableArtwork, ...] = ()) -> None:
        super().__init__(message)
        self.unusable = unusable


class TrainingDiverged(EngineError):
    """A loss or weight is not finite; the same seed would give the same."""

    cause = "TRAINING_DIVERGED"
    retryable = False


class GpuOutOfMemory(EngineError):
    """A single image does not fit into memory."""

    cause = "GPU_OOM"
    retryable = True


class ModelMissing(EngineError):
    """The base model is not on this machine, is incomplete, or has a refused format."""

    cause = "MODEL_MISSING"
    retryable = False


class AdapterMismatch(EngineError):
    """A style or checkpoint file is missing, damaged, or does not match."""

    cause = "ADAPTER_MISMATCH"
    retryable = True


class StyleOutdated(EngineError):
    """The style was trained on another base model or other weights; it must be retrained."""

    cause = "STYLE_OUTDATED"
    retryable = False


class InvalidPrompt(EngineError):
    """The prompt, the size or another parameter is invalid."""

    cause = "INVALID_PROMPT"
    retryable = False


class InvalidPicture(InvalidPrompt):
    """The input picture, its mask or its strength is invalid."""


class SafetyBlocked(EngineError):
    """The picture is blank or was blocked; it is not delivered."""

    cause = "SAFETY_BLOCKED"
    retryable = False


class Stopped(EngineError):
    """The caller requested a stop."""

    cause = "STOPPED"
    retryable = False
