"""Files of external GPUs, copied to our own keys, which no external worker can overwrite."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from webapp.domain.errors import ResultRejected, ServiceUnavailable
from webapp.domain.gateways.editor import MarkedPicture
from webapp.domain.gateways.storage import ObjectMissing, Storage, StorageUnavailable
from webapp.domain.identifiers import object_key
from webapp.domain.services import claimed_jobs
from webapp.domain.services.sets_edits import EditedPhoto


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one job, under `outputs/<public id of the job>/`.

    Its methods raise ResultRejected for a file that is missing or elsewhere, and ServiceUnavailable
    while storage is down.
    """

    storage: Storage
    job_id: str

    def stored(
        self,
        folder: str,
        output_key: str,
        preview_key: str | None,
        size: tuple[int, int],
        mark: Callable[[bytes], MarkedPicture] | None,
    ) -> EditedPhoto:
        """Check that a result is a PNG of this width and height, and copy it with its preview.

        With `mark` the copy gets a watermark and a preview of its own, whatever was reported.
        """
        data = self._read(output_key)
        _check_png(data, size)
        if mark is not None:
            marked = _marked(data, mark)
            data, new_preview_key = marked.png, object_key(folder, "webp")
            self.storage.put(new_preview_key, marked.preview, content_type="image/webp")
        elif preview_key is not None:
            new_preview_key = self.copied(preview_key, f"{folder}/")
        else:
            new_preview_key = None
        result_key = object_key(folder, "png")
        self.storage.put(result_key, data, content_type="image/png")
        return EditedPhoto(
            result_key=result_key,
            preview_key=new_preview_key,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
        )

    def copied(self, key: str, prefix: str) -> str:
        """Copy a PNG or WebP to a new key that begins with `prefix`; return the key."""
        data = self._read(key)
        suffix = key.rpartition(".")[2]
        new_key = f"{prefix}{object_key('x', suffix).partition('/')[2]}"
        self.storage.put(new_key, data, content_type=f"image/{suffix}")
        return new_key

    def _read(self, key: str) -> bytes:
        is_image = key.endswith((".png", ".webp"))
        if not is_image or not claimed_jobs.is_under(f"outputs/{self.job_id}/", [key]):
            raise ResultRejected(reason="file_missing")
        try:
            return self.storage.get(key)
        except ObjectMissing as error:
            raise ResultRejected(reason="file_missing") from error
        except StorageUnavailable as error:
            raise ServiceUnavailable(retry_after=5) from error


def _marked(data: bytes, mark: Callable[[bytes], MarkedPicture]) -> MarkedPicture:
    try:
        return mark(data)
    except (OSError, SyntaxError, ValueError) as error:
        raise ResultRejected(reason="file_missing") from error


def _check_png(data: bytes, size: tuple[int, int]) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.size != size:
                raise ResultRejected(reason="wrong_size")
            image.verify()
    except (OSError, SyntaxError, ValueError) as error:
        raise ResultRejected(reason="file_missing") from error
