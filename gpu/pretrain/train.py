"""Pretrain the built-in model from nothing, on any device, resumable.

`python -m gpu.pretrain.fit_codec --out DIR`, then
`python -m gpu.pretrain.train --minutes 85 --out DIR [--resume]`. Every checkpoint also writes the
averaged weights as a loadable model in DIR/model and a sheet of samples in DIR/samples.
"""

import argparse
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.captions import caption
from gpu.pretrain.latents import LatentSet, cache_latents
from gpu.pretrain.model import (
    NOISE,
    Networks,
    Shape,
    make_networks,
    make_tokenizer,
    save_model,
    tokenize,
)
from gpu.pretrain.sample import draw_sheet


@dataclass(frozen=True)
class Feed:
    """One frame size of a stage: how often it comes, in what batches, from how many scenes."""

    size: tuple[int, int]
    batch: int
    share: float
    scenes: int


@dataclass(frozen=True)
class Stage:
    """What is fed until a share of the training is done."""

    until: float
    feeds: tuple[Feed, ...]


# Cost grows with the area, so words are learned on small frames and sizes afterwards.
STAGES = (
    Stage(0.40, (Feed((256, 256), 32, 1.0, 30_000),)),
    Stage(0.85, (Feed((512, 512), 32, 1.0, 16_000),)),
    Stage(
        1.0,
        (
            Feed((512, 512), 32, 0.55, 16_000),
            Feed((512, 1024), 16, 0.28, 5_000),
            Feed((1024, 1024), 8, 0.17, 2_500),
        ),
    ),
)


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on; `steps` makes its length exact, else `minutes` of work rule."""

    out: Path
    minutes: float = 85.0
    steps: int | None = None
    seed: int = 7
    shape: Shape = field(default_factory=Shape)
    stages: tuple[Stage, ...] = STAGES
    learning_rate: float = 1e-3
    final_learning_rate: float = 4e-5
    warmup_steps: int = 200
    ema_decay: float = 0.999
    snr_ceiling: float = 5.0
    checkpoint_minutes: float = 8.0
    autocast: bool = True
    with_samples: bool = True


class Trainer:
    """Owns the networks, their average, the optimizer and the clock of one run."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.networks = make_networks(settings.shape, seed=settings.seed)
        self.networks.unet.to(device, memory_format=torch.channels_last)
        self.networks.text_encoder.to(device)
        self.parameters = [
            *self.networks.unet.parameters(),
            *self.networks.text_encoder.parameters(),
        ]
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=1.0, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.codec = PatchCodec.from_pretrained(settings.out / "vae").float().eval()
        self.tokenizer = make_tokenizer()
        self.alphas = DDPMScheduler(**NOISE).alphas_cumprod.to(device)
        self.step, self.elapsed = 0, 0.0
        self.losses: list[float] = []
        self._sets: dict[tuple[int, int], LatentSet] = {}

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0–1."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        return self.elapsed / (60 * self.settings.minutes)

    def run(self) -> None:
        """Train to the end, checkpointing on the way."""
        saved = self.elapsed
        while self.progress < 1:
            begun = time.monotonic()
            loss = self._train_step()
            self.elapsed += time.monotonic() - begun
            self.losses.append(loss)
            if self.step % 50 == 0:
                recent = sum(self.losses[-50:]) / len(self.losses[-50:])
                print(  # noqa: T201 - a script's progress
                    f"step {self.step} loss {recent:.4f} done {self.progress:.1%} "
                    f"elapsed {self.elapsed:.0f}s",
                    flush=True,
                )
            if self.elapsed - saved > 60 * self.settings.checkpoint_minutes:
                saved = self.elapsed
                self.checkpoint()
        self.checkpoint()

    def _train_step(self) -> float:
        # everything random is a function of seed and step, so a resumed run is the same run
        random = np.random.default_rng([self.settings.seed, self.step])
        noise_source = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        feed = self._pick_feed(random)
        latents, token_ids = self._batch(feed, random)
        batch = len(latents)
        noise = torch.randn(latents.shape, generator=noise_source)
        # spread evenly over all times: less variance than independent draws
        times = (torch.arange(batch) + torch.rand(batch, generator=noise_source)) * (1000 / batch)
        loss = self._loss(latents, token_ids, noise, times.long().clamp(max=999))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)  # noqa: SLF001
        return float(loss.detach())

    def _pick_feed(self, random: np.random.Generator) -> Feed:
        stage = next(stage for stage in self.settings.stages if self.progress < stage.until)
        shares = [feed.share for feed in stage.feeds]
        return stage.feeds[int(random.choice(len(shares), p=shares))]

    def _batch(self, feed: Feed, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        if feed.size not in self._sets:
            self._sets[feed.size] = cache_latents(
                self.settings.out / "cache", self.codec,
                size=feed.size, count=feed.scenes, seed=self.settings.seed * 1000,
            )  # fmt: skip
        data = self._sets[feed.size]
        picks = np.sort(random.integers(0, len(data.tags), feed.batch))
        random.shuffle(picks)  # times are sorted over the batch; scenes must not be
        captions = [caption(data.tags[pick], random) for pick in picks]
        return data.rows(picks), tokenize(self.tokenizer, captions)

    def _loss(
        self,
        latents: torch.Tensor,
        token_ids: torch.Tensor,
        noise: torch.Tensor,
        times: torch.Tensor,
    ) -> torch.Tensor:
        latents, noise = latents.to(self.device), noise.to(self.device)
        alphas = self.alphas[times.to(self.device)][:, None, None, None]
        noisy = alphas.sqrt() * latents + (1 - alphas).sqrt() * noise
        target = alphas.sqrt() * noise - (1 - alphas).sqrt() * latents
        noisy = noisy.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.autocast):
            text = self.networks.text_encoder(token_ids.to(self.device))[0]
            predicted = self.networks.unet(
                noisy, times.to(self.device), encoder_hidden_states=text
            ).sample
        error = (predicted.float() - target).square().mean(dim=(1, 2, 3))
        # min-SNR for v, kept at 1 towards pure noise, where text decides the picture
        snr_plus_one = (1 / (1 - alphas).clamp(min=1e-6)).flatten()
        return (error * (self.settings.snr_ceiling / snr_plus_one).clamp(max=1)).mean()

    def _learning_rate(self) -> float:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / settings.warmup_steps)
        cosine = 0.5 * (1 + float(np.cos(np.pi * min(self.progress, 1.0))))
        span = settings.learning_rate - settings.final_learning_rate
        return warm * (settings.final_learning_rate + span * cosine)

    def averaged_networks(self) -> Networks:
        """A copy with the moving average of the weights, which samples better than the last ones."""
        copy = make_networks(self.settings.shape, seed=0)
        targets = [*copy.unet.parameters(), *copy.text_encoder.parameters()]
        with torch.no_grad():
            for target, value in zip(targets, self.average, strict=True):
                target.copy_(value)
        copy.unet.eval()
        copy.text_encoder.eval()
        return copy

    def checkpoint(self) -> None:
        """Write the whole state, a loadable model and, if asked, a sheet of samples."""
        out = self.settings.out
        state = {
            "parameters": [parameter.detach() for parameter in self.parameters],
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "losses": self.losses,
        }
        torch.save(state, out / "state.tmp")
        (out / "state.tmp").replace(out / "state.pt")
        networks = self.averaged_networks()
        if self.settings.with_samples:
            size = (
                self.settings.stages[0].feeds[0].size
                if self.progress < STAGES[0].until
                else (512, 512)
            )
            sheet = draw_sheet(networks, self.codec, size=size)
            (out / "samples").mkdir(exist_ok=True)
            sheet.save(out / "samples" / f"{self.step:06d}.png")
        save_model(out / "model", networks, PatchCodec.from_pretrained(out / "vae"))
        facts: dict[str, Any] = {"step": self.step, "training_seconds": round(self.elapsed)}
        facts["recent_loss"] = round(float(np.mean(self.losses[-200:])), 5)
        (out / "facts.json").write_text(json.dumps(facts) + "\n")

    def resume(self) -> None:
        """Go on from the last checkpoint of this run's folder."""
        state = torch.load(self.settings.out / "state.pt", weights_only=True)
        with torch.no_grad():
            for parameter, value in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(value)
        self.average = [value.to(self.device) for value in state["average"]]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.losses = state["losses"]


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=85.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = replace(Settings(arguments.out), minutes=arguments.minutes, seed=arguments.seed)
    trainer = Trainer(settings, device)
    if arguments.resume and (arguments.out / "state.pt").exists():
        trainer.resume()
    trainer.run()


if __name__ == "__main__":
    main()
