"""Ground truth of drawn rooms, and errors of estimated planes."""

import numpy as np

from gpu.segmenting.scenes.rooms import draw_room


def vanishing_points(camera, size):
    """Vanishing points of the room's axes (x, y, z), homogeneous, in pixels of a photo."""
    cosine, sine = np.cos(camera.pitch), np.sin(camera.pitch)
    tilt = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    cosine, sine = np.cos(camera.yaw), np.sin(camera.yaw)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    axes = turn @ tilt  # rows: axes of the room in camera coordinates, y up
    width, height = size
    focal = camera.focal_length * width
    x, y, z = axes.T
    return np.stack([focal * x + width / 2 * z, -focal * y + height / 2 * z, z], axis=1)


def miss(plane, region, points, size):
    """Error in degrees of the vanishing points of a plane's sides, from a region's pixels.

    The mean over the region; `points` are those of its width and of its height.
    """
    corners = [np.array([x * size[0], y * size[1], 1]) for x, y in plane.corners]
    across = np.cross(np.cross(corners[0], corners[1]), np.cross(corners[3], corners[2]))
    down = np.cross(np.cross(corners[0], corners[3]), np.cross(corners[1], corners[2]))
    rows, columns = np.nonzero(region)
    step = max(1, len(rows) // 300)
    pixels = np.stack([columns, rows], axis=1)[::step].astype(float)
    return max(
        float(between(vanishing_point, expected_point, pixels).mean())
        for vanishing_point, expected_point in zip((across, down), points, strict=True)
    )


def between(vanishing_point, expected_point, pixels):
    """The angles, in degrees, between the directions from pixels to two points."""
    directions = [point[:2] - point[2] * pixels for point in (vanishing_point, expected_point)]
    first, second = (
        direction / np.linalg.norm(direction, axis=1, keepdims=True) for direction in directions
    )
    return np.degrees(np.arccos(np.clip(np.abs((first * second).sum(axis=1)), 0, 1)))


def walls_of(seed, size):
    """The masks of the walls of a tiled room, from left to right."""
    tiles = draw_room(seed, size, is_tiled=True).masks["Tile"]
    return sorted(tiles, key=lambda mask: np.nonzero(mask)[1].mean())


def face_numbers(faces, size):
    """The index of the face of each pixel, (H, W)."""
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    borders = [face.border for face in faces[:-1]]
    return sum((a * x + b * y + c > 0 for a, b, c in borders), np.zeros((height, width), int))
