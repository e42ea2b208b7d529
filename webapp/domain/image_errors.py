"""The errors of images and of their number; see `errors` for their base class."""

from http import HTTPStatus

from webapp.domain.errors import DomainError


class ImageRefused(DomainError):
    """Base of the image errors; `images` lists every bad file with its own code."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class InvalidImageFormat(ImageRefused):
    code = "INVALID_IMAGE_FORMAT"


class ImageSizeExceeded(ImageRefused):
    code = "IMAGE_SIZE_EXCEEDED"


class ImageResolutionTooLow(ImageRefused):
    code = "IMAGE_RESOLUTION_TOO_LOW"


class ImageTooLargePixels(ImageRefused):
    code = "IMAGE_TOO_LARGE_PIXELS"


class ImageCorrupt(ImageRefused):
    code = "IMAGE_CORRUPT"


class ImageTooLong(ImageRefused):
    code = "IMAGE_TOO_LONG"


class ImageBlank(ImageRefused):
    code = "IMAGE_BLANK"


class DuplicateImage(ImageRefused):
    code = "DUPLICATE_IMAGE"


class InsufficientImages(DomainError):
    code = "INSUFFICIENT_IMAGES"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyImages(DomainError):
    code = "TOO_MANY_IMAGES"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


IMAGE_ERRORS: dict[str, type[ImageRefused]] = {
    error.code: error for error in ImageRefused.__subclasses__()
}
