"""Pretrain the built-in model from nothing, on any device, resumable.

`python -m gpu.pretrain.fit_codec --out DIR`, then
`python -m gpu.pretrain.train --minutes 75 --out DIR [--resume]`, or on a shared CPU one process per
core under `python -m torch.distributed.run --nproc-per-node 2 -m gpu.pretrain.train ...`: processes
meet once per step, threads at every operation, where one slow core stops all. Every checkpoint also
writes the averaged weights as a loadable model in DIR/model and a sheet of samples in DIR/samples.
`--start-from MODEL` begins with what a finished model knows, also one that is narrower or has
another codec.
"""

import argparse
import json
import os
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from torch import distributed
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.grow import grow, words_of
from gpu.pretrain.latents import (
    CAPTIONS,
    Drawing,
    LatentStore,
    draw_in_processes,
    wait_until_ready,
)
from gpu.pretrain.model import (
    NOISE,
    Networks,
    Shape,
    make_networks,
    save_model,
)
from gpu.pretrain.optimizer import KernelOptimizer
from gpu.pretrain.recipe import (
    QUIET,
    QUIET_SHARE,
    TIME_SHARES,
    Feed,
    Settings,
    Shares,
    scaled,
    shares_of_times,
)
from gpu.pretrain.sample import draw_sheet, load_codec, load_networks
from gpu.pretrain.scenes import VERSIONS


def draw_times(
    batch: int,
    source: torch.Generator,
    latest: int = 1000,
    shares: Shares = TIME_SHARES,
) -> torch.Tensor:
    """Diffusion times [B] below `latest`: `shares` holds (share of the rows, time) up to each edge.

    Spread evenly over the batch, which varies less than independent draws.
    """
    places = (torch.arange(batch) + torch.rand(batch, generator=source)) / batch
    parts = torch.tensor([0.0, *(share for share, _ in shares)])
    edges = torch.tensor([0.0, *(float(edge) for _, edge in shares)])
    piece = (torch.bucketize(places, parts, right=True) - 1).clamp(max=len(shares) - 1)
    inside = (places - parts[piece]) / (parts[piece + 1] - parts[piece])
    times = edges[piece] + inside * (edges[piece + 1] - edges[piece])
    return (times * latest / 1000).long().clamp(max=999)


class Trainer:
    """Owns the networks, their average, the optimizer and the clock of one run."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.networks = make_networks(settings.shape, seed=settings.seed)
        self.networks.unet.to(device, memory_format=torch.channels_last)
        self.networks.text_encoder.to(device).requires_grad_(settings.learns_words)
        self.parameters = [
            *self.networks.unet.parameters(),
            *self.networks.text_encoder.parameters(),
        ]
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = KernelOptimizer.of(
            self.networks.unet, list(self.networks.text_encoder.parameters())
        )
        self.codec = PatchCodec.from_pretrained(settings.out / "vae").float().eval()
        # half of the loss is what is seen: a latent's error weighs as its share of the pixels
        seen = self.codec.decoder.weight.detach().square().sum(dim=(1, 2, 3)).to(device)
        self.channel_weights = (0.5 + 0.5 * seen / seen.mean())[:, None, None]
        self.alphas = DDPMScheduler(**NOISE).alphas_cumprod.to(device)
        self.step, self.elapsed = 0, 0.0
        self.losses: list[float] = []
        self._stores = self._open_stores()

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0–1."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        return self.elapsed / (60 * self.settings.minutes)

    def run(self) -> None:
        """Train to the end, checkpointing on the way and at the end."""
        self.train_until(1.0)
        self.checkpoint()

    def train_until(self, progress: float) -> None:
        """Train until a share of the run is done, checkpointing on the way."""
        saved = self.elapsed
        while self.progress < progress:
            self.losses.append(self._train_step())
            if self.step % 25 == 0 and self.rank == 0:
                recent = sum(self.losses[-50:]) / len(self.losses[-50:])
                print(  # noqa: T201 - a script's progress
                    f"step {self.step} loss {recent:.4f} done {self.progress:.1%} "
                    f"elapsed {self.elapsed:.0f}s",
                    flush=True,
                )
            if self.elapsed - saved > 60 * self.settings.checkpoint_minutes:
                saved = self.elapsed
                self.checkpoint()

    def _share(self, loss: torch.Tensor, begun: float) -> float:
        """Average gradients, loss and clock over all processes; returns the loss."""
        seconds = time.monotonic() - begun
        if not distributed.is_initialized():
            self.elapsed += seconds
            return float(loss.detach())
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        facts = torch.tensor([float(loss.detach()), seconds], device=self.device)
        flat = torch.cat([facts, *(gradient.flatten() for gradient in gradients)])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        parts = flat[2:].split([parameter.numel() for parameter in self.parameters])
        for parameter, part in zip(self.parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        self.elapsed += float(flat[1])
        return float(flat[0])

    def _train_step(self) -> float:
        begun = time.monotonic()
        # everything random is a function of seed, step and rank, so a resumed run is the same run
        feed = self._pick_feed(np.random.default_rng([self.settings.seed, self.step]))
        random = np.random.default_rng([self.settings.seed, self.step, self.rank])
        noise_seed = (self.settings.seed * 1_000_003 + self.step) * 16 + self.rank
        noise_source = torch.Generator().manual_seed(noise_seed)
        latents, coverage, token_ids = self._batch(feed, random)
        batch = len(latents)
        # made where it is used: for a large batch, a CPU takes longer than a GPU takes to learn
        noise = torch.randn(
            latents.shape,
            generator=torch.Generator(self.device).manual_seed(noise_seed + (1 << 40)),
            device=self.device,
        )
        times = draw_times(batch, noise_source, feed.latest, self.settings.time_shares)
        # the fused kernel of small bf16 attention on a CPU takes a third of a step, backwards
        with sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext():
            loss = self._loss(latents, coverage, token_ids, noise, times)
            loss.backward()
        shared_loss = self._share(loss, begun)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step(self._learning_rate())
        self.optimizer.zero_grad()
        self.step += 1
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        return shared_loss

    def _pick_feed(self, random: np.random.Generator) -> Feed:
        stage = self.settings.stage_at(self.progress)
        shares = np.array([feed.share for feed in stage.feeds])
        return stage.feeds[int(random.choice(len(shares), p=shares / shares.sum()))]

    def _open_stores(self) -> dict[tuple[int, int], LatentStore]:
        """One store for each frame size; the first process draws them, or has them drawn."""
        settings = self.settings
        feeds = {feed.size: feed for stage in settings.stages for feed in stage.feeds}
        drawings = [
            Drawing(
                size,
                feed.scenes,
                settings.seed * 1000,
                settings.restyled_share,
                settings.version,
            )
            for size, feed in feeds.items()
        ]
        cache = settings.cache or settings.out / "cache"
        if self.rank == 0 and settings.drawing_processes:
            draw_in_processes(
                cache, settings.out / "vae", drawings, processes=settings.drawing_processes
            )
        stores = {each.size: LatentStore(cache, each, self.codec, self.device) for each in drawings}
        for store in stores.values():
            if self.rank == 0 and not settings.drawing_processes:
                store.draw_all()
            wait_until_ready(store, settings.first_share)
        return stores

    def _batch(self, feed: Feed, random: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Latents [B, C, h, w], coverage by things [B, 1, h, w] and token ids [B, T]."""
        store = self._stores[feed.size]
        # times are sorted over the batch; scenes must not be
        picks = random.integers(0, store.ready(), feed.batch)
        return store.rows(picks, random.integers(0, CAPTIONS, feed.batch))

    def _loss(
        self,
        latents: torch.Tensor,
        coverage: torch.Tensor,
        token_ids: torch.Tensor,
        noise: torch.Tensor,
        times: torch.Tensor,
    ) -> torch.Tensor:
        latents = latents.to(self.device)
        alphas = self.alphas[times.to(self.device)][:, None, None, None]
        noisy = alphas.sqrt() * latents + (1 - alphas).sqrt() * noise
        noisy = noisy.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.autocast):
            text = self.networks.text_encoder(token_ids.to(self.device))[0]
            predicted = self.networks.unet(
                noisy, times.to(self.device), encoder_hidden_states=text
            ).sample
        # places are soon learned and fill most of a picture; things would else be left blurred
        cell_weights = 1 + self.settings.thing_weight * coverage.to(self.device)
        cell_weights = cell_weights / cell_weights.mean()
        squares = (predicted.float() - latents).square() * self.channel_weights * cell_weights
        error = squares.mean(dim=(1, 2, 3))
        # min-SNR, kept at 1 towards pure noise, where text decides the picture
        snr_plus_one = (1 / (1 - alphas).clamp(min=1e-6)).flatten()
        return (error * snr_plus_one.clamp(max=self.settings.snr_ceiling)).mean()

    def _learning_rate(self) -> float:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / settings.warmup_steps)
        cosine = 0.5 * (1 + float(np.cos(np.pi * min(self.progress, 1.0))))
        span = settings.learning_rate - settings.final_learning_rate
        return warm * (settings.final_learning_rate + span * cosine)

    def averaged_networks(self) -> Networks:
        """A copy with the moving average of the weights: it samples better than the last ones."""
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
        if self.rank > 0:
            return
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
            size = self.settings.stage_at(self.progress).feeds[0].size
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

    def start_from(self, model: Path) -> None:
        """Begin with what a finished model knows, on this run's codec, and a new clock.

        It may be narrower, know fewer words and have another codec (`grow`).

        Raises `ValueError` for a model that predicts something else: it would unlearn it first.
        """
        config = json.loads((model / "scheduler" / "scheduler_config.json").read_text())
        if config["prediction_type"] != NOISE["prediction_type"]:
            raise ValueError(f"{model} predicts {config['prediction_type']}")
        finished, codec = load_networks(model), load_codec(model)
        words = words_of(model)
        grow(self.networks, self.codec, old=finished, old_codec=codec, words=words)
        self.average = [parameter.detach().clone() for parameter in self.parameters]


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=85.0)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--widths", type=int, nargs="+", default=Shape.widths)
    parser.add_argument("--batch-factor", type=int, default=1, help="for a GPU: 16")
    parser.add_argument(
        "--version", choices=tuple(VERSIONS), default=Settings.version,
        help="scenes-2 vary less: fewer pictures are needed to learn them",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, help="where scenes are kept, for several runs")
    parser.add_argument("--drawing-processes", type=int, default=1)
    parser.add_argument("--scenes-factor", type=float, default=1.0, help="more or fewer scenes")
    parser.add_argument(
        "--first-share", type=float, default=1.0, help="share of the scenes to begin with"
    )
    parser.add_argument(
        "--quiet-share", type=float, help=f"share of the times below {QUIET}, where edges are drawn"
    )
    parser.add_argument(
        "--precision", choices=("bf16", "fp32"), default="bf16",
        help="fp32 is more than twice as fast on a CPU without bf16 instructions",
    )  # fmt: skip
    parser.add_argument(
        "--same-words", action="store_true", help="do not train the text encoder: it is shared"
    )
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start-from", type=Path, help="a model folder to train further")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    defaults = Settings(arguments.out)
    settings = replace(
        defaults,
        minutes=arguments.minutes,
        seed=arguments.seed,
        learning_rate=arguments.learning_rate,
        shape=Shape(widths=tuple(arguments.widths)),
        stages=scaled(defaults.stages, arguments.batch_factor, arguments.scenes_factor),
        version=arguments.version,
        cache=arguments.cache,
        drawing_processes=arguments.drawing_processes,
        first_share=arguments.first_share,
        time_shares=shares_of_times(arguments.quiet_share or QUIET_SHARE),
        autocast=arguments.precision == "bf16",
        learns_words=not arguments.same_words,
    )
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    trainer = Trainer(settings, device)
    if arguments.resume and (arguments.out / "state.pt").exists():
        trainer.resume()
    elif arguments.start_from:
        trainer.start_from(arguments.start_from)
    trainer.run()


if __name__ == "__main__":
    main()
