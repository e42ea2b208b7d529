"""Pictures that show neither a room nor a product before a backdrop."""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import sklearn.datasets
from PIL import Image

from gpu.pretrain.scenes import draw_scene, make_plan
from gpu.pretrain.vocabulary import Place, Time
from tests.artists.gallery import ARTISTS, draw_works

LANDSCAPES = tuple(place for place in Place if place not in {Place.ROOM, Place.PLAIN})


def photographs():
    """Real photographs that come with packages: a temple, a dahlia, a portrait."""
    images = Path(sklearn.datasets.__file__).parent / "images"
    samples = Path(mpl.get_data_path()) / "sample_data"
    paths = (images / "china.jpg", images / "flower.jpg", samples / "grace_hopper.jpg")
    return {path.stem: Image.open(path).convert("RGB") for path in paths}


def landscapes(*, seeds=None, size=(480, 360)):
    """A thing in each place out of doors, by the name of both; or in the places of some seeds."""
    found = {}
    for seed in range(len(LANDSCAPES)) if seeds is None else seeds:
        place = LANDSCAPES[seed]
        plan = replace(make_plan(np.random.default_rng(seed)), place=place, time=Time.DAY)
        found[f"{plan.thing} {place} {seed}"] = draw_scene(seed, size, plan=plan).image
    return found


def artworks(artists=ARTISTS, *, count=2):
    """Works of artists."""
    return {
        f"{artist} {number}": image
        for artist in artists
        for number, (image, _) in enumerate(draw_works(artist, count=count))
    }


def patterns(size=(480, 360)):
    """Noise, ramps, stripes, checks and blots."""
    width, height = size
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    coarse = random.random((6, 8, 3))
    planes = {
        "noise": random.random((height, width, 3)),
        "even": np.full((height, width, 3), 0.6),
        "ramp across": np.repeat((x / width)[..., None], 3, axis=2),
        "ramp down": np.repeat((y / height)[..., None], 3, axis=2),
        "stripes": np.repeat(((x // 40) % 2 * 0.5 + 0.25)[..., None], 3, axis=2),
        "checks": np.repeat(((x // 40 + y // 40) % 2 * 0.5 + 0.25)[..., None], 3, axis=2),
        "rings": np.repeat(
            ((np.hypot(x - width / 2, y - height / 2) // 30) % 2 * 0.5 + 0.25)[..., None], 3, axis=2
        ),
    }
    images = {
        name: Image.fromarray((plane * 255).astype(np.uint8)) for name, plane in planes.items()
    }
    blots = Image.fromarray((coarse * 255).astype(np.uint8))
    return images | {
        "blots": blots.resize(size, Image.Resampling.NEAREST),
        "clouds": blots.resize(size, Image.Resampling.BICUBIC),
    }


def ordinary_photos():
    """All of them, by name."""
    return photographs() | landscapes() | artworks() | patterns()
