"""An engine that only pretends: the same picture for everybody, at once."""

from functools import lru_cache

from PIL import Image, ImageDraw

from gpu.rendering.requests import RenderedImage, RenderRequest

STEPS = 3


@lru_cache
def picture(width: int, height: int) -> Image.Image:
    """A picture that is not blank."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).ellipse((40, 60, 300, 300), (200, 80, 60))
    return image


class FastRenderer:
    """Draws the same picture for everybody, at once."""

    base_model_sha256 = "0" * 64

    def render(self, requests, *, on_step, should_stop) -> list[RenderedImage]:
        for step in range(1, STEPS + 1):
            if requests:
                on_step(step, STEPS)
        return [_drawn(request) for request in requests]


def _drawn(request: RenderRequest) -> RenderedImage:
    return RenderedImage(
        request_id=request.request_id,
        image=picture(request.width, request.height),
        seed=request.seed,
        width=request.width,
        height=request.height,
        adapter_sha256=request.adapter_sha256,
        steps=STEPS,
        guidance_scale=1.0,
    )
