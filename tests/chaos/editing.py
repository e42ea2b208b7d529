"""The segmenting task of the GPU pool with the segmenter of tests, for `celery -I`.

Importing this changes the task of the whole process: only a worker may.
"""

from tasks.gpu_jobs import segmenting
from tasks.on_gpu import segment_photos
from tests.left_half import LeftHalf

__all__ = ["segment_photos"]

segmenting.segmenter = LeftHalf
