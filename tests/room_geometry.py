"""What is true of a drawn room, and how far estimated planes miss it."""

import numpy as np

from gpu.segmenting.scenes.rooms import draw_room


def vanishing_points(camera, size):
    """Of edges across, up and along a room, homogeneous in pixels of a photo (width, height)."""
    cosine, sine = np.cos(camera.pitch), np.sin(camera.pitch)
    tilt = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    cosine, sine = np.cos(camera.yaw), np.sin(camera.yaw)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    axes = turn @ tilt  # rows: axes of the room, as the camera sees them, y up
    width, height = size
    focal = camera.focal_length * width
    x, y, z = axes.T
    return np.stack([focal * x + width / 2 * z, -focal * y + height / 2 * z, z], axis=1)


def miss(plane, region, points, size):
    """By how many degrees a plane's sides miss two vanishing points, seen from a region's pixels.

    The mean over the region; `points` are those of its width and of its height.
    """
    corners = [np.array([x * size[0], y * size[1], 1]) for x, y in plane.corners]
    across = np.cross(np.cross(corners[0], corners[1]), np.cross(corners[3], corners[2]))
    down = np.cross(np.cross(corners[0], corners[3]), np.cross(corners[1], corners[2]))
    rows, columns = np.nonzero(region)
    step = max(1, len(rows) // 300)
    places = np.stack([columns, rows], axis=1)[::step].astype(float)
    return max(
        float(between(found, wanted, places).mean())
        for found, wanted in zip((across, down), points, strict=True)
    )


def between(found, wanted, places):
    """The angles, in degrees, between the ways from places to two points."""
    ways = [point[:2] - point[2] * places for point in (found, wanted)]
    first, second = (way / np.linalg.norm(way, axis=1, keepdims=True) for way in ways)
    return np.degrees(np.arccos(np.clip(np.abs((first * second).sum(axis=1)), 0, 1)))


def walls_of(seed, size):
    """The masks of the walls of a room, from left to right; a tiled room shows each by itself."""
    tiles = draw_room(seed, size, is_tiled=True).masks["Tile"]
    return sorted(tiles, key=lambda mask: np.nonzero(mask)[1].mean())


def face_numbers(faces, size):
    """The number of the face that each pixel lies on, (H, W)."""
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    borders = [face.border for face in faces[:-1]]
    return sum((a * x + b * y + c > 0 for a, b, c in borders), np.zeros((height, width), int))
