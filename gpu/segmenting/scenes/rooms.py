"""Drawn rooms: floor, walls, ceiling, windows, a door, cabinets, mouldings, and a box."""

from dataclasses import dataclass, field

import numpy as np

from gpu.rules.colour import Light, Mask
from gpu.segmenting.scenes.drawing import (
    Camera,
    Material,
    Noise,
    Plane,
    Random,
    Scene,
    colour,
    hit_box,
    painted,
    photographed,
    planks,
    tiles,
)

_WALLS = ((236, 232, 224), (240, 240, 238), (214, 222, 228), (228, 214, 194), (172, 192, 182))
_FLOORS = ((120, 80, 50), (158, 112, 72), (84, 58, 44), (182, 144, 102))
_TILES = ((206, 220, 222), (238, 238, 234), (150, 178, 190))
_GROUTS = ((150, 148, 142), (96, 94, 92))
_DOORS = ((140, 96, 62), (92, 104, 112), (186, 160, 120))
_CABINETS = ((90, 110, 104), (60, 66, 78), (196, 168, 132))
_FURNITURE = ((120, 60, 56), (70, 90, 120), (96, 110, 70))
_TRIM, _GLASS, _METAL = (247, 246, 242), (178, 208, 238), (196, 188, 170)
_SURFACES = ("Left", "Right", "Floor", "Ceiling", "Back")
_FACTORS = {"Left": 0.66, "Right": 0.86, "Floor": 0.8, "Ceiling": 0.92, "Back": 0.78}
_SKIRTING, _CORNICE, _FRAME = 0.09, 0.07, 0.06  # metres


@dataclass
class _Room:
    """A room while it is drawn. Each pixel shows place (u, v) in metres of one surface."""

    random: Random
    size: tuple[float, float, float]  # width, height and depth, metres
    surface: Mask  # names of surfaces, (H, W)
    u: Plane
    v: Plane
    light: Light
    masks: dict[str, list[Mask]] = field(default_factory=dict)

    def on(self, surface: str, box: tuple[float, float, float, float]) -> Mask:
        """Pixels of a rectangle (u0, v0, u1, v1) of a surface."""
        u0, v0, u1, v1 = box
        inside = (self.u >= u0) & (self.u < u1) & (self.v >= v0) & (self.v < v1)
        return inside & (self.surface == surface)

    def paint(self, mask: Mask, material: Material | Light, concept: str | None = None) -> Mask:
        """Cover pixels by a material, and take them from whatever was there."""
        self.light[mask] = (
            material if isinstance(material, np.ndarray) else material(self.u[mask], self.v[mask])
        )
        for drawn in self.masks.values():
            for other in drawn:
                other[mask] = False
        if concept is not None:
            self.masks.setdefault(concept, []).append(mask.copy())
        return mask


def draw_room(
    seed: int, size: tuple[int, int] = (1200, 900), *, is_tiled: bool | None = None
) -> Scene:
    """Draw the room of a seed as a photo (width, height); about a third of them are tiled."""
    random = np.random.default_rng([seed, 1])
    chance = bool(random.random() < 1 / 3)
    is_tiled = chance if is_tiled is None else is_tiled
    width, height, depth = (
        random.uniform(3.6, 5.2),
        random.uniform(2.4, 2.8),
        random.uniform(4, 5.5),
    )
    camera = Camera(
        (float(random.uniform(-0.6, 0.6)), float(random.uniform(1.3, 1.6)), 0.3),
        float(random.uniform(-0.22, 0.22)),
        float(random.uniform(-0.08, 0.0)),
        float(random.uniform(0.55, 0.75)),
    )
    rays = camera.rays(size)
    surface, u, v, places = _surfaces(rays, camera, (width, height, depth))
    room = _Room(random, (width, height, depth), surface, u, v, np.zeros((*u.shape, 3), np.float32))
    _cover(room, is_tiled=is_tiled)
    _trim(room)
    _openings(room)
    if not is_tiled:
        _cabinets(room)
    lamps = _lamps(room)
    room.light *= _shading(room, places)[..., None]
    room.light[lamps] = 1.1
    _glass(room)
    _furniture(room, rays, camera)
    masks = {
        name: tuple(mask for mask in drawn if mask.sum() > 20)  # smaller ones nobody can see
        for name, drawn in room.masks.items()
    }
    return Scene(
        photographed(random, room.light), {name: of for name, of in masks.items() if of}, camera
    )


def _surfaces(
    rays: Light, camera: Camera, size: tuple[float, float, float]
) -> tuple[Mask, Plane, Plane, Light]:
    """Which surface each pixel shows, where on it (u, v), and where in the room (H, W, 3)."""
    width, height, depth = size
    x, y, z = camera.position
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    distances = np.stack(
        [
            (-width / 2 - x) / safe[..., 0],
            (width / 2 - x) / safe[..., 0],
            -y / safe[..., 1],
            (height - y) / safe[..., 1],
            (depth - z) / safe[..., 2],
        ]
    )
    distances[distances <= 0] = np.inf
    nearest = distances.argmin(axis=0)
    places = np.array(camera.position, np.float32) + rays * distances.min(axis=0)[..., None]
    surface = np.array(_SURFACES)[nearest]
    across, up, along = (places[..., axis] for axis in range(3))
    is_side, is_level = nearest <= 1, (nearest == 2) | (nearest == 3)
    u = np.where(is_side, along, across + width / 2)
    v = np.where(is_level, along, up)
    return surface, u.astype(np.float32), v.astype(np.float32), places.astype(np.float32)


def _pick(random: Random, colours: tuple[tuple[int, int, int], ...]) -> Light:
    return colour(*colours[int(random.integers(len(colours)))])


def _cover(room: _Room, *, is_tiled: bool) -> None:
    random = room.random
    room.paint(room.surface == "Ceiling", painted(random, colour(244, 244, 242)), "Ceiling")
    floor = painted(random, colour(150, 146, 140), 0.05)
    if not is_tiled:
        floor = planks(random, _pick(random, _FLOORS))
    room.paint(room.surface == "Floor", floor, "Floor")
    walls = np.isin(room.surface, ("Left", "Right", "Back"))
    if not is_tiled:
        room.paint(walls, painted(random, _pick(random, _WALLS)), "Wall")
        return
    tile, is_grout = tiles(
        random, _pick(random, _TILES), _pick(random, _GROUTS), side=0.3, joint=0.012
    )
    for name in ("Left", "Right", "Back"):
        room.paint(room.surface == name, tile, "Tile")
    room.paint(walls & is_grout(room.u, room.v), tile, "Grout")


def _trim(room: _Room) -> None:
    _, height, _ = room.size
    for name in ("Left", "Right", "Back"):
        for box in ((-99, -1, 99, _SKIRTING), (-99, height - _CORNICE, 99, height + 1)):
            room.paint(room.on(name, box), colour(*_TRIM), "Frame_Molding")


def _openings(room: _Room) -> None:
    width, _, depth = room.size
    random = room.random
    start = float(random.uniform(0.3, 0.6))
    if random.random() < 0.75:
        _window(room, "Back", (start, 0.95, start + 1.2, 2.05))
    near = depth - float(random.uniform(2.2, 2.6))
    _window(room, "Left", (near, 0.95, near + 1.3, 2.05))
    left = width - float(random.uniform(1.5, 1.9))
    box = (left, 0.0, left + 0.9, 2.05)
    framed = (box[0] - _FRAME, 0.0, box[2] + _FRAME, box[3] + _FRAME)
    room.paint(room.on("Back", framed), colour(*_TRIM), "Frame_Molding")
    room.paint(room.on("Back", box), painted(random, _pick(random, _DOORS), 0.03), "Door")
    handle = (left + 0.78, 1.0, left + 0.86, 1.03)
    room.paint(room.on("Back", handle), colour(*_METAL), "Handle")


def _window(room: _Room, surface: str, box: tuple[float, float, float, float]) -> None:
    u0, v0, u1, v1 = box
    frame = (u0 - _FRAME, v0 - _FRAME, u1 + _FRAME, v1 + _FRAME)
    room.paint(room.on(surface, frame), colour(*_TRIM), "Frame_Molding")
    room.paint(room.on(surface, box), colour(*_GLASS), "Window")
    bar = ((u0 + u1) / 2 - 0.02, v0, (u0 + u1) / 2 + 0.02, v1)
    room.paint(room.on(surface, bar), colour(*_TRIM), "Frame_Molding")


def _glass(room: _Room) -> None:
    """Windows are as bright as the day, paler below, with a slanted reflection."""
    for pane in room.masks.get("Window", []):
        if not pane.any():
            continue
        share = (room.v[pane] - room.v[pane].min()) / 1.1
        room.light[pane] = colour(*_GLASS) * (0.75 + 0.35 * share)[:, None]
        slant = room.u + 0.35 * room.v
        middle = float(np.median(slant[pane]))
        highlight = pane & (np.abs(slant - middle + 0.2) < 0.07)
        room.light[highlight] += 0.3
        room.masks.setdefault("Glass_highlight", []).append(highlight)


def _cabinets(room: _Room) -> None:
    random, start = room.random, room.size[2] - 2.4
    front = painted(random, _pick(random, _CABINETS), 0.02)
    top = room.on("Right", (start - 0.02, 0.86, start + 1.82, 0.92))
    room.paint(top, painted(random, colour(190, 184, 176)), "Countertop")
    for door in range(3):
        u0 = start + door * 0.6
        room.paint(room.on("Right", (u0, 0.08, u0 + 0.585, 0.86)), front, "Cabinet")
        handle = (u0 + 0.05, 0.68, u0 + 0.08, 0.8)
        room.paint(room.on("Right", handle), colour(*_METAL), "Handle")


def _lamps(room: _Room) -> Mask:
    """Two round lamps in the ceiling."""
    width, _, depth = room.size
    lamps = np.zeros(room.u.shape, np.bool_)
    for share in (0.5, 0.8):
        distance = np.hypot(room.u - width / 2, room.v - depth * share)
        lamps |= room.paint(
            (room.surface == "Ceiling") & (distance < 0.14), colour(255, 255, 255), "Light"
        )
    return lamps


def _shading(room: _Room, places: Light) -> Plane:
    """How much light falls on each pixel: by surface, by distance to the lamps, less in creases."""
    width, height, depth = room.size
    factor = np.select([room.surface == name for name in _FACTORS], list(_FACTORS.values()))
    centre = np.array([0, height, depth * 0.6], np.float32)
    distance = np.linalg.norm(places - centre, axis=-1)
    x, y, z = (places[..., axis] for axis in range(3))
    creases = np.ones(room.u.shape)
    for name, gap in (
        ("Left", x + width / 2),
        ("Right", width / 2 - x),
        ("Floor", y),
        ("Ceiling", height - y),
        ("Back", depth - z),
    ):
        creases *= np.where(room.surface == name, 1, 1 - 0.3 * np.exp(-np.abs(gap) / 0.1))
    uneven = 1 + 0.02 * Noise(room.random, 8.0)(room.u * 8, room.v * 8)
    return (factor * (1.12 - 0.06 * distance) * creases * uneven).astype(np.float32)


def _furniture(room: _Room, rays: Light, camera: Camera) -> None:
    """A box on the floor, which is no concept of any preset."""
    random, (width, _, depth) = room.random, room.size
    z0 = float(random.uniform(0.35, 0.6)) * depth
    bounds = (
        (-width / 2 + 0.05, 0.0, z0),
        (-width / 2 + float(random.uniform(0.7, 0.9)), float(random.uniform(0.4, 0.65)), z0 + 1.4),
    )
    distance, axis = hit_box(rays, camera.position, bounds)
    mask = np.isfinite(distance)
    sides = np.array([0.45, 0.7, 0.55], np.float32)[axis[mask]]
    fabric = Noise(random, 0.7)(*(np.argwhere(mask).T[::-1].astype(np.float32) / 2))
    base = _pick(random, _FURNITURE)
    room.paint(mask, base)
    room.light[mask] = base * (sides * (1 + 0.04 * fabric))[:, None]
