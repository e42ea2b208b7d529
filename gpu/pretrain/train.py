"""Pretrain the built-in model from random weights, on any device, resumable.

`python -m gpu.pretrain.fit_codec --out DIR`, then
`python -m gpu.pretrain.train --minutes 75 --out DIR [--resume]`. On a shared CPU, run one process
per core with `python -m torch.distributed.run --nproc-per-node 2 -m gpu.pretrain.train ...`:
processes synchronise once per step, threads at every operation, where one slow core delays all.
Every checkpoint also writes the averaged weights as a model in DIR/model, and a contact sheet of
samples in DIR/samples. `--start-from MODEL` starts from the weights of a trained model, which may
be narrower or have another codec.
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
    LatentStore,
    SceneSet,
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
from gpu.pretrain.recipe import Bucket, Settings, scaled
from gpu.pretrain.sample import draw_sheet, load_codec, load_networks
from gpu.pretrain.scenes import VERSIONS
from gpu.pretrain.times import LOW_NOISE, LOW_NOISE_SHARE, draw_times, shares_of_times

_MEASURED_SCENES = 1024  # their latents give the statistics of the head


class Trainer:
    """Holds the networks, their moving average, the optimizer and the elapsed time of one run."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.networks = make_networks(settings.shape, seed=settings.seed)
        self.networks.unet.to(device, memory_format=torch.channels_last)
        self.networks.text_encoder.to(device).requires_grad_(settings.trains_text_encoder)
        if settings.trains_head_only:
            if self.networks.unet.detail is None:
                raise ValueError("this shape has no detail head")
            self.networks.unet.requires_grad_(False)
            self.networks.unet.detail.requires_grad_(True)
        self.parameters = [
            *self.networks.unet.parameters(),
            *self.networks.text_encoder.parameters(),
        ]
        self._trained = [parameter for parameter in self.parameters if parameter.requires_grad]
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = KernelOptimizer.of(
            self.networks.unet,
            [each for each in self.networks.text_encoder.parameters() if each.requires_grad],
        )
        self.codec = PatchCodec.from_pretrained(settings.out / "vae").float().eval()
        # half of a channel's weight is its share of the energy of the decoded pixels
        energy = self.codec.decoder.weight.detach().square().sum(dim=(1, 2, 3)).to(device)
        self.channel_weights = (0.5 + 0.5 * energy / energy.mean())[:, None, None]
        self.alphas = DDPMScheduler(**NOISE).alphas_cumprod.to(device)
        self.step, self.elapsed = 0, 0.0
        self.losses: list[float] = []
        self._stores = self._open_stores()
        self._measure_latents()

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0–1."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        return self.elapsed / (60 * self.settings.minutes)

    def run(self) -> None:
        """Train to the end, with checkpoints at intervals and at the end."""
        self.train_until(1.0)
        self.checkpoint()

    def train_until(self, progress: float) -> None:
        """Train until a share of the run is done, with checkpoints at intervals."""
        saved_at = self.elapsed
        while self.progress < progress:
            self.losses.append(self._train_step())
            if self.step % 25 == 0 and self.rank == 0:
                recent = sum(self.losses[-50:]) / len(self.losses[-50:])
                print(  # noqa: T201 - a script's progress
                    f"step {self.step} loss {recent:.4f} done {self.progress:.1%} "
                    f"elapsed {self.elapsed:.0f}s",
                    flush=True,
                )
            if self.elapsed - saved_at > 60 * self.settings.checkpoint_minutes:
                saved_at = self.elapsed
                self.checkpoint()

    def _all_reduce(self, loss: torch.Tensor, started_at: float) -> float:
        """Average gradients, loss and step time over all processes; returns the loss."""
        seconds = time.monotonic() - started_at
        if not distributed.is_initialized():
            self.elapsed += seconds
            return float(loss.detach())
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._trained]
        metrics = torch.tensor([float(loss.detach()), seconds], device=self.device)
        flat = torch.cat([metrics, *(gradient.flatten() for gradient in gradients)])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        parts = flat[2:].split([parameter.numel() for parameter in self._trained])
        for parameter, part in zip(self._trained, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        self.elapsed += float(flat[1])
        return float(flat[0])

    def _train_step(self) -> float:
        started_at = time.monotonic()
        # everything random is a function of seed, step and rank, so a resumed run is the same run
        bucket = self._pick_bucket(np.random.default_rng([self.settings.seed, self.step]))
        random = np.random.default_rng([self.settings.seed, self.step, self.rank])
        noise_seed = (self.settings.seed * 1_000_003 + self.step) * 16 + self.rank
        noise_source = torch.Generator().manual_seed(noise_seed)
        latents, coverage, token_ids = self._batch(bucket, random)
        batch = len(latents)
        # drawn on the device: for a large batch, a CPU would take longer than the GPU's step
        noise = torch.randn(
            latents.shape,
            generator=torch.Generator(self.device).manual_seed(noise_seed + (1 << 40)),
            device=self.device,
        )
        times = draw_times(batch, noise_source, bucket.max_time, self.settings.time_shares)
        # on a CPU, the backward pass of the fused bf16 attention kernel takes a third of a step
        with sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext():
            loss = self._loss(latents, coverage, token_ids, noise, times)
            loss.backward()
        shared_loss = self._all_reduce(loss, started_at)
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self.optimizer.step(self._learning_rate())
        self.optimizer.zero_grad()
        self.step += 1
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        return shared_loss

    def _pick_bucket(self, random: np.random.Generator) -> Bucket:
        stage = self.settings.stage_at(self.progress)
        shares = np.array([bucket.share for bucket in stage.buckets])
        return stage.buckets[int(random.choice(len(shares), p=shares / shares.sum()))]

    def _open_stores(self) -> dict[tuple[int, int], LatentStore]:
        """One store for each frame size; rank 0 draws them, or starts processes that do."""
        settings = self.settings
        buckets = {bucket.size: bucket for stage in settings.stages for bucket in stage.buckets}
        scene_sets = [
            SceneSet(
                size,
                bucket.scenes,
                settings.seed * 1000,
                settings.restyled_share,
                settings.version,
            )
            for size, bucket in buckets.items()
        ]
        cache = settings.cache or settings.out / "cache"
        if self.rank == 0 and settings.drawing_processes:
            draw_in_processes(
                cache, settings.out / "vae", scene_sets, processes=settings.drawing_processes
            )
        stores = {
            each.size: LatentStore(cache, each, self.codec, self.device) for each in scene_sets
        }
        for store in stores.values():
            if self.rank == 0 and not settings.drawing_processes:
                store.draw_all()
            wait_until_ready(store, settings.first_share)
        return stores

    def _measure_latents(self) -> None:
        """Give the head the mean and standard deviation of each channel of scenes that are ready.

        A model that training starts from, or a checkpoint, replaces them with its own.
        """
        head = self.networks.unet.detail
        if head is None:
            return
        store = next(iter(self._stores.values()))
        indices = np.arange(min(store.ready(), _MEASURED_SCENES))
        latents, _, _ = store.rows(indices, np.zeros(len(indices), int))
        head.latent_mean.copy_(latents.mean(dim=(0, 2, 3)))
        head.latent_std.copy_(latents.std(dim=(0, 2, 3)))

    def _batch(self, bucket: Bucket, random: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Latents [B, C, h, w], coverage by things [B, 1, h, w] and token ids [B, T]."""
        store = self._stores[bucket.size]
        # the diffusion times are sorted, so the scenes must be in random order
        indices = random.integers(0, store.ready(), bucket.batch)
        return store.rows(indices, random.integers(0, CAPTIONS, bucket.batch))

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
        # backgrounds are learned early and fill most of a picture: with equal weights, things would
        # remain blurred
        cell_weights = 1 + self.settings.thing_weight * coverage.to(self.device)
        cell_weights = cell_weights / cell_weights.mean()
        squares = (predicted.float() - latents).square() * self.channel_weights * cell_weights
        error = squares.mean(dim=(1, 2, 3))
        # min-SNR weights, at least 1 towards pure noise, where the caption decides the picture
        snr_plus_one = (1 / (1 - alphas).clamp(min=1e-6)).flatten()
        return (error * snr_plus_one.clamp(max=self.settings.snr_ceiling)).mean()

    def _learning_rate(self) -> float:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / settings.warmup_steps)
        cosine = 0.5 * (1 + float(np.cos(np.pi * min(self.progress, 1.0))))
        span = settings.learning_rate - settings.final_learning_rate
        return warm * (settings.final_learning_rate + span * cosine)

    def averaged_networks(self) -> Networks:
        """A copy with the moving average of the weights, which gives better samples."""
        copy = make_networks(self.settings.shape, seed=0)
        copy.unet.load_state_dict(self.networks.unet.state_dict())  # the buffers, too
        targets = [*copy.unet.parameters(), *copy.text_encoder.parameters()]
        with torch.no_grad():
            for target, value in zip(targets, self.average, strict=True):
                target.copy_(value)
        copy.unet.eval()
        copy.text_encoder.eval()
        return copy

    def checkpoint(self) -> None:
        """Write the state, a model and, with `with_samples`, a contact sheet; on rank 0 only."""
        if self.rank > 0:
            return
        out = self.settings.out
        state = {
            "parameters": [parameter.detach() for parameter in self.parameters],
            "average": self.average,
            "buffers": dict(self.networks.unet.named_buffers()),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "losses": self.losses,
        }
        torch.save(state, out / "state.tmp")
        (out / "state.tmp").replace(out / "state.pt")
        networks = self.averaged_networks()
        if self.settings.with_samples:
            size = self.settings.stage_at(self.progress).buckets[0].size
            sheet = draw_sheet(networks, self.codec, size=size)
            (out / "samples").mkdir(exist_ok=True)
            sheet.save(out / "samples" / f"{self.step:06d}.png")
        save_model(out / "model", networks, PatchCodec.from_pretrained(out / "vae"))
        metrics: dict[str, Any] = {"step": self.step, "training_seconds": round(self.elapsed)}
        metrics["recent_loss"] = round(float(np.mean(self.losses[-200:])), 5)
        (out / "metrics.json").write_text(json.dumps(metrics) + "\n")

    def resume(self) -> None:
        """Restore the last checkpoint of this run's folder."""
        state = torch.load(self.settings.out / "state.pt", weights_only=True)
        with torch.no_grad():
            for parameter, value in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(value)
        for name, value in state["buffers"].items():
            self.networks.unet.get_buffer(name).copy_(value)
        self.average = [value.to(self.device) for value in state["average"]]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.losses = state["losses"]

    def start_from(self, model: Path) -> None:
        """Start from the weights of a trained model, with this run's codec and no elapsed time.

        The model may be narrower, have fewer words and another codec (`grow`).

        Raises `ValueError` for a model with another prediction type.
        """
        config = json.loads((model / "scheduler" / "scheduler_config.json").read_text())
        if config["prediction_type"] != NOISE["prediction_type"]:
            raise ValueError(f"prediction type of {model} is {config['prediction_type']}")
        finished, codec = load_networks(model), load_codec(model)
        words = words_of(model)
        grow(self.networks, self.codec, old=finished, old_codec=codec, words=words)
        self.average = [parameter.detach().clone() for parameter in self.parameters]


def _parser() -> argparse.ArgumentParser:
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
        help="scenes-2 vary less and need fewer pictures to be learned",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, help="folder of the latent stores")
    parser.add_argument("--drawing-processes", type=int, default=1)
    parser.add_argument("--scenes-factor", type=float, default=1.0, help="of the numbers of scenes")
    parser.add_argument(
        "--first-share", type=float, default=1.0, help="of the scenes, ready before training starts"
    )
    parser.add_argument(
        "--low-noise-share", type=float, help=f"of the diffusion times below {LOW_NOISE}"
    )
    parser.add_argument(
        "--precision", choices=("bf16", "fp32"), default="bf16",
        help="fp32 is more than twice as fast on a CPU without bf16 instructions",
    )  # fmt: skip
    parser.add_argument(
        "--freeze-text-encoder", action="store_true", help="do not train the text encoder"
    )
    parser.add_argument("--head-only", action="store_true", help="train only the UNet's head")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start-from", type=Path, help="a model folder to start from")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    defaults = Settings(arguments.out)
    return replace(
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
        time_shares=shares_of_times(arguments.low_noise_share or LOW_NOISE_SHARE),
        autocast=arguments.precision == "bf16",
        trains_text_encoder=not (arguments.freeze_text_encoder or arguments.head_only),
        trains_head_only=arguments.head_only,
    )


def main() -> None:
    """Read the command line and train."""
    arguments = _parser().parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    trainer = Trainer(_settings(arguments), device)
    if arguments.resume and (arguments.out / "state.pt").exists():
        trainer.resume()
    elif arguments.start_from:
        trainer.start_from(arguments.start_from)
    trainer.run()


if __name__ == "__main__":
    main()
