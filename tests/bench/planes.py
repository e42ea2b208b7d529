"""How far estimated planes miss those of drawn rooms; a part of `make bench-sets`."""

import time

import numpy as np

from gpu.rules.planes import LEAST_CONFIDENCE, PhotoPlanes
from gpu.segmenting.scenes.rooms import draw_room
from tests.bench.goals import Figure
from tests.room_geometry import face_numbers, miss, vanishing_points, walls_of

SIZE = (1200, 900)


def plane_figures(scenes: int, first_seed: int) -> list[Figure]:
    """Floors, ceilings and untiled walls; the seconds are those of one photo, once."""
    misses: dict[str, list[float]] = {"Floor": [], "Ceiling": [], "Wall": []}
    sure, regions, on_their_wall, seconds = 0, 0, list[float](), list[float]()
    for seed in range(first_seed, first_seed + scenes):
        scene = draw_room(seed, SIZE, is_tiled=False)
        start = time.process_time()
        planes = PhotoPlanes(np.asarray(scene.image))
        seconds.append(time.process_time() - start)
        assert scene.camera is not None
        across, up, along = vanishing_points(scene.camera, SIZE)
        for name, own_misses in misses.items():
            region = scene.mask(name)
            if region.mean() < 0.02:
                continue
            regions += 1
            faces = planes.sure_faces(region)
            sure += bool(faces)
            if not faces:
                continue
            if name != "Wall":
                own_misses.append(miss(faces[0].plane, region, (across, along), SIZE))
                continue
            numbers, right = face_numbers(faces, SIZE), 0
            for wall in walls_of(seed, SIZE):
                own = wall & region
                if not own.any():
                    continue
                counts = np.bincount(numbers[own], minlength=len(faces))
                face = faces[int(counts.argmax())]
                level = min(miss(face.plane, own, (way, up), SIZE) for way in (across, along))
                own_misses.append(level)
                right += int(counts.max())
            known = np.logical_or.reduce(walls_of(seed, SIZE)) & region
            on_their_wall.append(right / int(known.sum()))
    return [
        Figure("looking for a photo's planes, median, s", float(np.median(seconds)), most=1),
        Figure(f"share of regions with confidence {LEAST_CONFIDENCE:g}", sure / regions, least=0.8),
        *(
            Figure(
                f"{name}: sides miss their vanishing points by, 90 % of them, degrees",
                float(np.quantile(of, 0.9)),
                most=1,
            )
            for name, of in misses.items()
        ),
        Figure("wall pixels on the face of their wall", float(np.mean(on_their_wall)), least=0.95),
    ]
