"""The renderer: set up once, then batches of requests, each in exactly its own style."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from gpu.base_models.lora import RowAdapter, assert_bare
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.registry import load_base_model
from gpu.device import unless_memory_is_full
from gpu.errors import AdapterMismatch, EngineError, GpuOutOfMemory, SafetyBlocked, Stopped
from gpu.rendering.adapters import Adapter, AdapterMemory
from gpu.rendering.known import known_of
from gpu.rendering.pixels import is_blank, to_pictures
from gpu.rendering.requests import RenderedImage, RenderFailure, RenderRequest
from gpu.rendering.sampling import SamplingBatch, count_passes, sample_latents, seed_noise

__all__ = ["RenderFailure", "RenderRequest", "RenderedImage", "Renderer"]

Outcome = RenderedImage | RenderFailure
OnStep = Callable[[int, int], None]
_MAX_BATCH = 4


@dataclass(frozen=True)
class _Order:
    """A request with its place in the caller's list and its defaults filled in."""

    index: int
    request: RenderRequest
    prompt: str
    adapter: Adapter
    strength: float
    steps: int
    passes: int
    parts: int
    guidance_scale: float

    @property
    def group(self) -> tuple[int, int, int, int]:
        """Requests with equal groups may be denoised together, whatever their styles.

        A short prompt padded for a long neighbour would give another picture than by itself.
        """
        return (self.request.width, self.request.height, self.steps, self.parts)

    @property
    def row_adapter(self) -> RowAdapter:
        """The style as this request's row wears it."""
        adapter = self.adapter
        return RowAdapter(adapter.tensors, adapter.alpha / adapter.rank * self.strength)


class _StepCounter:
    """Counts denoised rows, so that progress never falls back when a batch is split."""

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
    """One base model, ready to draw in any style trained on it."""

    def __init__(
        self, base: BaseModel, *, max_batch: int = _MAX_BATCH, memory: AdapterMemory | None = None
    ) -> None:
        self.base = base
        self._max_batch = max_batch
        self._memory = memory or AdapterMemory()

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
        """Of the weights that are loaded: only styles trained on them can be drawn."""
        return self.base.sha256

    def render(
        self,
        requests: Sequence[RenderRequest],
        *,
        on_step: OnStep | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Outcome]:
        """Draw all requests; the answers are in the order asked.

        `on_step(done, total)` counts denoising passes over all rows. A request that cannot be
        drawn in its own style is a `RenderFailure`; the others go on. Raises `Stopped` when
        `should_stop` says so, and `AdapterMismatch` if someone left an adapter on the model.
        """
        assert_bare(self.base.unet)
        outcomes: dict[int, Outcome] = {}
        orders: list[_Order] = []
        for index, request in enumerate(requests):
            try:
                orders.append(self._accept(index, request))
            except EngineError as error:
                outcomes[index] = RenderFailure.of(request, error)
        total = sum(order.passes for order in orders)
        counter = _StepCounter(total, on_step, should_stop or _never)
        orders.sort(key=lambda order: order.group)
        for _, group in itertools.groupby(orders, key=lambda order: order.group):
            alike = list(group)
            for start in range(0, len(alike), self._max_batch):
                batch = alike[start : start + self._max_batch]
                outcomes.update(self._render_batch(batch, counter))
        return [outcomes[index] for index in range(len(requests))]

    def _accept(self, index: int, request: RenderRequest) -> _Order:
        request.check(self.base.size_multiple)
        adapter = self._memory.get(request.adapter_path, request.adapter_sha256, self.base)
        if adapter.metadata.get("trigger") != request.trigger:
            raise AdapterMismatch("the style answers to another trigger word")
        spec = self.base.spec
        guidance, steps = request.guidance_scale, request.steps or spec.default_steps
        asked = compose_prompt(request.trigger, request.prompt_tags)
        # of what is repainted, the picture says what the prompt leaves open
        prompt = self.base.complete(asked, request.seed) if request.picture is None else asked
        return _Order(
            index=index,
            request=request,
            prompt=prompt,
            adapter=adapter,
            strength=request.style_strength * spec.worn_strength,
            steps=steps,
            passes=count_passes(self.base, steps, width=request.width, height=request.height),
            parts=self.base.count_parts(prompt, _negative(request)),
            guidance_scale=spec.guidance_scale if guidance is None else guidance,
        )

    def _render_batch(self, orders: list[_Order], counter: _StepCounter) -> dict[int, Outcome]:
        """Draw a batch; when memory is full, its halves."""
        try:
            decoded = unless_memory_is_full(
                lambda: self._denoise(orders, counter), self.base.device
            )
        except AdapterMismatch as error:
            return {order.index: RenderFailure.of(order.request, error) for order in orders}
        if decoded is not None:
            counter.finish(len(orders), orders[0].passes)
            pictures = zip(orders, decoded, strict=True)
            return {order.index: _finish(order, tensor) for order, tensor in pictures}
        if len(orders) == 1:
            full = GpuOutOfMemory("one image does not fit into memory")
            return {orders[0].index: RenderFailure.of(orders[0].request, full)}
        half = len(orders) // 2
        first = self._render_batch(orders[:half], counter)
        return first | self._render_batch(orders[half:], counter)

    def _denoise(self, orders: list[_Order], counter: _StepCounter) -> torch.Tensor:
        requests = [order.request for order in orders]
        parts = orders[0].parts
        size = (requests[0].width, requests[0].height)
        draft_size = self.base.draft_size(*size)
        batch = SamplingBatch(
            positive=self.base.encode_prompts([order.prompt for order in orders], parts=parts),
            negative=self.base.encode_prompts([_negative(each) for each in requests], parts=parts),
            noise=self._noise(requests, size),
            draft_noise=draft_size and self._noise(requests, draft_size),
            guidance=torch.tensor([order.guidance_scale for order in orders]),
            adapters=tuple(order.row_adapter for order in orders),
            steps=orders[0].steps,
            known=known_of(self.base, requests, size, orders[0].steps),
            draft_known=draft_size and known_of(self.base, requests, draft_size, orders[0].steps),
        )
        latents = sample_latents(
            self.base, batch, on_step=lambda passes: counter.step(len(orders), passes)
        )
        return self.base.decode_latents(latents)

    def _noise(self, requests: Sequence[RenderRequest], size: tuple[int, int]) -> torch.Tensor:
        width, height = size
        seeds = [request.seed for request in requests]
        return torch.stack([seed_noise(self.base, s, width=width, height=height) for s in seeds])


def _negative(request: RenderRequest) -> str:
    return compose_prompt("", request.negative_tags)


def _finish(order: _Order, decoded: torch.Tensor) -> Outcome:
    """A picture, or the reason why it must not be delivered."""
    request = order.request
    if not bool(torch.isfinite(decoded).all()):
        return RenderFailure.of(request, AdapterMismatch("the style does not give finite pixels"))
    picture = to_pictures(decoded[None])[0]
    before, mask = request.picture, request.mask
    # a flat wall may stay flat
    if is_blank(picture, mask) and (before is None or not is_blank(before, mask)):
        return RenderFailure.of(request, SafetyBlocked("the picture came out blank"))
    if before is not None and mask is not None:
        picture = Image.composite(picture, before, mask)
    return RenderedImage(
        request_id=request.request_id,
        image=picture,
        seed=request.seed,
        width=request.width,
        height=request.height,
        adapter_sha256=order.adapter.sha256,
        steps=order.steps,
        guidance_scale=order.guidance_scale,
    )


def _never() -> bool:
    return False
