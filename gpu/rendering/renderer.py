"""The renderer: set up once, then renders batches of requests in different styles."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from gpu.base_models.lora import RowAdapter, assert_no_adapters
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.registry import load_base_model
from gpu.device import catch_out_of_memory
from gpu.errors import AdapterMismatch, EngineError, GpuOutOfMemory, SafetyBlocked, Stopped
from gpu.rendering.adapters import Adapter, AdapterCache
from gpu.rendering.inpainting import encode_inpainting
from gpu.rendering.pixels import is_blank, to_pictures
from gpu.rendering.requests import RenderedImage, RenderFailure, RenderRequest
from gpu.rendering.sampling import SamplingBatch, count_passes, sample_latents, seed_noise

__all__ = ["RenderFailure", "RenderRequest", "RenderedImage", "Renderer"]

Outcome = RenderedImage | RenderFailure
OnStep = Callable[[int, int], None]
_MAX_BATCH = 4


@dataclass(frozen=True)
class _PreparedRequest:
    """A request with its index in the caller's list, its adapter and its defaults."""

    index: int
    request: RenderRequest
    prompt: str
    adapter: Adapter
    adapter_weight: float
    steps: int
    passes: int
    parts: int
    guidance_scale: float

    @property
    def group(self) -> tuple[int, int, int, int]:
        """Requests with equal groups can share a batch, whatever their styles.

        Padding a short prompt to the parts of a longer one would change its picture.
        """
        return (self.request.width, self.request.height, self.steps, self.parts)

    @property
    def row_adapter(self) -> RowAdapter:
        """The adapter with the scale of this request."""
        return RowAdapter(self.adapter.tensors, self.adapter.scaling * self.adapter_weight)


class _StepCounter:
    """Counts denoised rows; progress never decreases, even when a batch is split."""

    def __init__(self, total: int, on_step: OnStep | None, should_stop: Callable[[], bool]) -> None:
        self._total, self._finished, self._shown = total, 0, 0
        self._on_step, self._should_stop = on_step, should_stop

    def step(self, rows: int, passes: int) -> None:
        if self._should_stop():
            raise Stopped("rendering was stopped")
        self._shown = max(self._shown, self._finished + rows * passes)
        if self._on_step is not None:
            self._on_step(self._shown, self._total)

    def finish(self, rows: int, passes: int) -> None:
        self._finished += rows * passes


class Renderer:
    """Renders on one base model, in any style trained on it."""

    def __init__(
        self, base: BaseModel, *, max_batch: int = _MAX_BATCH, cache: AdapterCache | None = None
    ) -> None:
        self.base = base
        self._max_batch = max_batch
        self._cache = cache or AdapterCache()

    @classmethod
    def setup(
        cls,
        base_model: str,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> "Renderer":
        """Load a base model once per process; raises `ModelMissing`."""
        return cls(load_base_model(base_model, device=device, dtype=dtype))

    @property
    def base_model_sha256(self) -> str:
        """Hash of the loaded weights; only styles trained on them can be rendered."""
        return self.base.sha256

    def render(
        self,
        requests: Sequence[RenderRequest],
        *,
        on_step: OnStep | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Outcome]:
        """Render all requests; the outcomes are in the order of the requests.

        `on_step(done, total)` counts denoising steps over all rows. A request that cannot be
        rendered in its own style is a `RenderFailure`; the others continue. Raises `Stopped` when
        `should_stop` returns true, and `AdapterMismatch` if an adapter is active on the model.
        """
        assert_no_adapters(self.base.unet)
        outcomes: dict[int, Outcome] = {}
        prepared: list[_PreparedRequest] = []
        for index, request in enumerate(requests):
            try:
                prepared.append(self._prepare(index, request))
            except EngineError as error:
                outcomes[index] = RenderFailure.of(request, error)
        total = sum(each.passes for each in prepared)
        counter = _StepCounter(total, on_step, should_stop or _never)
        prepared.sort(key=lambda each: each.group)
        for _, requests_of_group in itertools.groupby(prepared, key=lambda each: each.group):
            group = list(requests_of_group)
            for start in range(0, len(group), self._max_batch):
                batch = group[start : start + self._max_batch]
                outcomes.update(self._render_batch(batch, counter))
        return [outcomes[index] for index in range(len(requests))]

    def _prepare(self, index: int, request: RenderRequest) -> _PreparedRequest:
        request.check(self.base.size_multiple)
        adapter = self._cache.get(request.adapter_path, request.adapter_sha256, self.base)
        if adapter.metadata.get("trigger") != request.trigger:
            raise AdapterMismatch("the style has another trigger word")
        spec = self.base.spec
        guidance, steps = request.guidance_scale, request.steps or spec.default_steps
        prompt = compose_prompt(request.trigger, request.prompt_tags)
        if request.picture is None:  # else the picture, not a default, fills in what is unspecified
            prompt = self.base.complete_prompt(prompt, request.seed)
        return _PreparedRequest(
            index=index,
            request=request,
            prompt=prompt,
            adapter=adapter,
            adapter_weight=request.style_strength * spec.lora_scale,
            steps=steps,
            passes=count_passes(self.base, steps, width=request.width, height=request.height),
            parts=self.base.count_parts(prompt, _negative(request)),
            guidance_scale=spec.guidance_scale if guidance is None else guidance,
        )

    def _render_batch(
        self, batch: list[_PreparedRequest], counter: _StepCounter
    ) -> dict[int, Outcome]:
        """Render a batch; split it in halves when memory is full."""
        try:
            decoded = catch_out_of_memory(lambda: self._denoise(batch, counter), self.base.device)
        except AdapterMismatch as error:
            return {each.index: RenderFailure.of(each.request, error) for each in batch}
        if decoded is not None:
            counter.finish(len(batch), batch[0].passes)
            pictures = zip(batch, decoded, strict=True)
            return {each.index: _finish(each, tensor) for each, tensor in pictures}
        if len(batch) == 1:
            out_of_memory = GpuOutOfMemory("a single image does not fit into memory")
            return {batch[0].index: RenderFailure.of(batch[0].request, out_of_memory)}
        half = len(batch) // 2
        first = self._render_batch(batch[:half], counter)
        return first | self._render_batch(batch[half:], counter)

    def _denoise(self, prepared: list[_PreparedRequest], counter: _StepCounter) -> torch.Tensor:
        requests = [each.request for each in prepared]
        parts, steps = prepared[0].parts, prepared[0].steps
        size = (requests[0].width, requests[0].height)
        draft_size = self.base.draft_size(*size)
        batch = SamplingBatch(
            positive=self.base.encode_prompts([each.prompt for each in prepared], parts=parts),
            negative=self.base.encode_prompts([_negative(each) for each in requests], parts=parts),
            noise=self._noise(requests, size),
            seeds=tuple(each.seed for each in requests),
            draft_noise=draft_size and self._noise(requests, draft_size),
            guidance=torch.tensor([each.guidance_scale for each in prepared]),
            adapters=tuple(each.row_adapter for each in prepared),
            steps=steps,
            inpainting=encode_inpainting(self.base, requests, size, steps),
            draft_inpainting=draft_size
            and encode_inpainting(self.base, requests, draft_size, steps),
        )
        latents = sample_latents(
            self.base, batch, on_step=lambda passes: counter.step(len(prepared), passes)
        )
        return self.base.decode_latents(latents)

    def _noise(self, requests: Sequence[RenderRequest], size: tuple[int, int]) -> torch.Tensor:
        width, height = size
        seeds = [request.seed for request in requests]
        return torch.stack([seed_noise(self.base, s, width=width, height=height) for s in seeds])


def _negative(request: RenderRequest) -> str:
    return compose_prompt("", request.negative_tags)


def _finish(prepared: _PreparedRequest, decoded: torch.Tensor) -> Outcome:
    """The picture, or the reason why it must not be delivered."""
    request = prepared.request
    if not bool(torch.isfinite(decoded).all()):
        return RenderFailure.of(
            request, AdapterMismatch("the style gives pixels that are not finite")
        )
    picture = to_pictures(decoded[None])[0]
    original, mask = request.picture, request.mask
    # an area that was blank before, such as a wall, may stay blank
    if is_blank(picture, mask) and (original is None or not is_blank(original, mask)):
        return RenderFailure.of(request, SafetyBlocked("the picture is blank"))
    if original is not None and mask is not None:
        picture = Image.composite(picture, original, mask)
    return RenderedImage(
        request_id=request.request_id,
        image=picture,
        seed=request.seed,
        width=request.width,
        height=request.height,
        adapter_sha256=prepared.adapter.sha256,
        steps=prepared.steps,
        guidance_scale=prepared.guidance_scale,
    )


def _never() -> bool:
    return False
