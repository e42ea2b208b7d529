"""Judges of pictures that never saw the engine: whose style it is, and what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import PRETRAINING, restyle
from gpu.pretrain.vocabulary import Thing

_SEED = 900_000_000  # scenes that neither pretraining nor any artist has
_SIDE = 64
_SCENE = (128, 128)


@dataclass(frozen=True)
class StyleJudge:
    """Tells artists apart by the features of the style meter; learned from real works only."""

    model: Pipeline

    @classmethod
    def of(cls, works: Mapping[str, torch.Tensor]) -> "StyleJudge":
        """Learn from `style_features` of works, [N, F] by name of artist."""
        features = np.concatenate([each.numpy() for each in works.values()])
        names = [name for name, each in works.items() for _ in each]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        return cls(model.fit(features, names))

    @property
    def names(self) -> tuple[str, ...]:
        """Whom it can name."""
        return tuple(str(name) for name in self.model.classes_)

    def counts(self, features: torch.Tensor) -> dict[str, int]:
        """How many of the pictures with these features it gives to each artist."""
        judged = list(self.model.predict(features.numpy()))
        return {name: judged.count(name) for name in self.names}


class ThingJudge:
    """Says which thing a picture shows; learned from scenes in plain and pretraining styles."""

    def __init__(self, *, scenes_each: int = 300, epochs: int = 12) -> None:
        """Learn from so many scenes for each thing of the vocabulary."""
        torch.manual_seed(5)
        self._things = tuple(Thing)
        self._network = _network(len(self._things))
        pixels, labels = self._draw(scenes_each * len(self._things))
        self._learn(pixels, labels, epochs)

    @torch.no_grad()
    def judge(self, pictures: Sequence[Image.Image]) -> list[Thing]:
        """The thing each picture shows most likely."""
        pixels = torch.stack([_to_pixels(picture) for picture in pictures])
        best = self._network.eval()(pixels).argmax(dim=1)
        return [self._things[int(index)] for index in best]

    def _draw(self, scenes: int) -> tuple[torch.Tensor, torch.Tensor]:
        pixels, labels = [], []
        random = np.random.default_rng(_SEED)
        for index in range(scenes):
            scene = draw_scene(_SEED + index, _SCENE)
            image = scene.image
            if random.random() < 0.6:
                image = restyle(image, tuple(PRETRAINING)[random.integers(len(PRETRAINING))], index)
            pixels.append(_to_pixels(image))
            labels.append(self._things.index(scene.plan.thing))
        return torch.stack(pixels), torch.tensor(labels)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
        source = torch.Generator().manual_seed(6)
        optimizer = torch.optim.AdamW(self._network.parameters(), lr=2e-3, weight_decay=0.02)
        batches = -(-len(labels) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 2e-3, total_steps=epochs * batches
        )
        self._network.train()
        for _ in range(epochs):
            for part in torch.randperm(len(labels), generator=source).split(64):
                # colours and outlines of an unseen artist are neither: look at shapes
                batch = pixels[part]
                scale = 0.5 + torch.rand((len(part), 3, 1, 1), generator=source)
                noise = 0.08 * torch.randn(batch.shape, generator=source)
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(
                    self._network(batch * scale + noise), labels[part], label_smoothing=0.05
                )
                loss.backward()
                optimizer.step()
                schedule.step()


def _to_pixels(picture: Image.Image) -> torch.Tensor:
    """[3, 64, 64], around zero, each picture with its own mean and spread taken out."""
    small = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = torch.from_numpy(np.asarray(small, np.float32).transpose(2, 0, 1).copy()) / 255
    return (pixels - pixels.mean()) / pixels.std().clamp_min(1e-3)


def _network(classes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for width in (32, 64, 128, 128):
        layers += [
            nn.Conv2d(channels, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        channels = width
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels * (_SIDE // 16) ** 2, classes)
    )
