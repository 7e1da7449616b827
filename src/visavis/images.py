"""Still pictures from and to disk: every file becomes the one form that all rooms take, (H, W, 3) RGB uint8."""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, TiffImagePlugin, UnidentifiedImageError

from visavis.errors import InputError
from visavis.files import check_suffix, check_writable, kind_of, replacing
from visavis.types import Image

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "TRANSPARENT_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "check_picture_writable",
    "read_alpha",
    "read_image",
    "resize",
    "write_image",
]

_T = TypeVar("_T")

#: Pictures above this many pixels are refused: 110 million (a 100-megapixel camera's) take 330 MB as RGB.
MAX_PIXELS: Final = 110_000_000
#: Pictures with a longer side are refused, in pixels: the largest texture that graphics hardware commonly takes.
MAX_SIDE: Final = 16_384
#: Names of files that a folder is searched for. A build of Pillow without AVIF or JPEG 2000 is told of in the error.
IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}
    | {".avif", ".jp2", ".j2k", ".jpf", ".jpx"}
)
#: Their formats, as messages name them.
_EXPECTED: Final = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or JPEG 2000"

_FORMATS: Final = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
#: What the tag SampleFormat of a TIFF says of IEEE floating-point samples (TIFF 6.0, section 19).
_FLOAT_SAMPLES: Final = 3
#: Rows of a picture handed over at once.
_STRIP: Final = 256
#: Names of files that `write_image` writes.
WRITABLE_SUFFIXES: Final = tuple(_FORMATS)
#: Those of them that can be seen through.
TRANSPARENT_SUFFIXES: Final = (".png", ".webp", ".tif", ".tiff")


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read a picture file as (H, W, 3) RGB uint8.

    The camera's EXIF rotation is applied. Grey, palette, CMYK (through its profile where it has one) and 16-bit
    pictures are converted; transparency is laid over white; of an animation the first frame is taken. The pixels of
    an RGB file are given as they are, whatever its colour profile.

    >>> read_image("face.jpg").shape                            # doctest: +SKIP
    (1024, 768, 3)

    Raises:
        InputError: the file is missing, a pipe, not a picture, truncated, of floating-point pixels, or above
            `MAX_PIXELS` or `MAX_SIDE`.
    """
    return _read(Path(path), _to_rgb)


def read_alpha(path: str | os.PathLike[str]) -> NDArray[np.uint8] | None:
    """Read how opaque a picture file is, (H, W) uint8, 0 where it is seen through; None where it is opaque throughout.

    Raises:
        InputError: as `read_image`.
    """
    return _read(Path(path), _to_alpha)


def _read(name: Path, convert: Callable[[Path, Pillow.Image], _T]) -> _T:
    try:
        # A pipe would keep us waiting for whoever fills it, and decoders go back and forth in a file.
        if kind_of(name) == "special":
            raise InputError(f"{name} is a pipe or device, where a picture file was expected")
        # Pillow's own limit is a warning at 89 million pixels; ours, below it, is checked on the header just after. Of
        # a damaged header it warns too, beside the error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)
            opened = Pillow.open(name)
        with opened:
            _refuse_huge(name, *opened.size)
            ImageOps.exif_transpose(opened, in_place=True)
            return convert(name, opened)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(_absent(name)) from None
    except PermissionError:
        raise InputError(f"{name} may not be read; give this user permission to it") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a folder, where one picture was expected") from None
    except Pillow.DecompressionBombError:
        raise InputError(f"{name} has more than {MAX_PIXELS:,} pixels; make it smaller first") from None
    except UnidentifiedImageError:
        if _holds_float_samples(name):
            raise InputError(_floating(name)) from None
        empty = name.is_file() and name.stat().st_size == 0
        reason = "is empty" if empty else "is not a picture that can be read"
        raise InputError(f"{name} {reason}; expected {_EXPECTED}") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, ArithmeticError, TypeError) as error:
        if isinstance(error, OSError) and error.errno is not None and kind_of(name) is None:
            raise InputError(_absent(name)) from None  # a name that is too long for a file
        # Pillow's decoders raise all of these on damaged files.
        raise InputError(f"{name} cannot be decoded ({error}); the file is damaged or incomplete") from error


def _holds_float_samples(name: Path) -> bool:
    """Whether it is a TIFF of floating-point samples, most of which Pillow does not know as pictures at all."""
    try:
        with name.open("rb") as file, warnings.catch_warnings(action="ignore"):  # Pillow warns of damage
            header = file.read(8)
            if header[2:3] == b"+":  # BigTIFF, whose offsets are twice as long
                header += file.read(8)
            directory = TiffImagePlugin.ImageFileDirectory_v2(header)
            file.seek(directory.next)
            directory.load(file)
            return _FLOAT_SAMPLES in directory.get(TiffImagePlugin.SAMPLEFORMAT, ())
    except (OSError, SyntaxError, ValueError, TypeError, struct.error):  # no TIFF, or a damaged one
        return False


def _floating(name: Path) -> str:
    return f"{name} has floating-point samples, whose white is not known; convert it to 8 or 16 bits a channel"


def _absent(name: Path) -> str:
    return f"{name} does not exist; check the path"


def write_image(path: str | os.PathLike[str], image: Image) -> None:
    """Write (H, W, 3) RGB uint8 to a file whose suffix names the format; PNG is lossless, JPEG and WebP are near so.

    The formats of `TRANSPARENT_SUFFIXES` take (H, W, 4) RGBA too, its colours not multiplied by its alpha. The file
    appears whole or not at all; missing parent folders are made.

    Raises:
        OutputError: the suffix is unknown, or the file cannot be written.
        ValueError: `image` has another shape or dtype.
    """
    target = Path(path)
    file_format = _format_of(target)
    channels = (3, 4) if target.suffix.lower() in TRANSPARENT_SUFFIXES else (3,)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in channels or image.size == 0:
        raise ValueError(
            f"a {target.suffix} image must be uint8 of shape (H, W, {' or '.join(map(str, channels))}), "
            f"not {image.dtype} {image.shape}"
        )
    options: dict[str, Any] = {}
    if file_format == "JPEG":
        options = {"quality": 93, "subsampling": 0}
    elif file_format == "WEBP":
        options = {"quality": 93}
    with replacing(target) as temporary:
        Pillow.fromarray(np.ascontiguousarray(image)).save(temporary, format=file_format, **options)


def check_picture_writable(path: str | os.PathLike[str]) -> None:
    """Find out, before long work, whether `write_image` could write to `path`; folders that are missing are made.

    Raises:
        OutputError: as `write_image`.
    """
    _format_of(Path(path))
    check_writable(path)


def _format_of(target: Path) -> str:
    check_suffix(target, sorted(_FORMATS), "pictures")
    return _FORMATS[target.suffix.lower()]


def resize(
    image: Image,
    *,
    width: int | None = None,
    height: int | None = None,
    longest: int | None = None,
    enlarge: bool = True,
) -> Image:
    """Resize (H, W, 3) RGB uint8 by area averaging (smaller) or bicubic interpolation (larger).

    Give `width` or `height` in pixels to keep the proportions, both to set them, or `longest` for the longer side.
    With `enlarge` false a picture that is already small enough comes back as it is.

    >>> resize(np.zeros((100, 200, 3), np.uint8), longest=50).shape
    (25, 50, 3)

    Raises:
        ValueError: no size, `longest` beside another size, or a size below 1.
    """
    have_height, have_width = image.shape[:2]
    if longest is not None and (width is not None or height is not None):
        raise ValueError("give either `longest` or `width` and `height`")
    if longest is not None:
        scale_x = scale_y = longest / max(have_height, have_width)
    elif width is not None and height is not None:
        scale_x, scale_y = width / have_width, height / have_height
    elif width is not None:
        scale_x = scale_y = width / have_width
    elif height is not None:
        scale_x = scale_y = height / have_height
    else:
        raise ValueError("give `width`, `height` or `longest`")
    if min(scale_x, scale_y) <= 0:
        raise ValueError("a size must be at least 1 pixel")
    if not enlarge and min(scale_x, scale_y) >= 1:
        return image
    size = max(round(have_width * scale_x), 1), max(round(have_height * scale_y), 1)
    if size == (have_width, have_height):
        return image
    import cv2

    shrinks = min(scale_x, scale_y) < 1
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.ascontiguousarray(resized)


def _refuse_huge(name: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise InputError(
            f"{name} has {width} x {height} pixels; at most {MAX_PIXELS:,} in all and {MAX_SIDE:,} a side are read: "
            "make it smaller first"
        )


def _to_rgb(name: Path, picture: Pillow.Image) -> Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # 16-bit grey: Pillow's own conversion to 8 bits would clip at 255.
        values = np.asarray(picture, np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError(f"{name} has grey levels beyond 16 bits; save it with 8 or 16 bits a channel")
        grey = np.rint(values / 257).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode == "F":
        raise InputError(_floating(name))
    if picture.mode == "CMYK":
        picture = _cmyk_to_rgb(picture)
    elif picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Pillow.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Pillow.alpha_composite(paper, picture)
    return _pixels(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _pixels(picture: Pillow.Image) -> Image:
    """The pixels of an RGB picture; strip by strip, since in one piece Pillow makes two more copies on the way."""
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        pixels[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return pixels


def _to_alpha(_: Path, picture: Pillow.Image) -> NDArray[np.uint8] | None:
    if picture.mode in ("CMYK", "F") or not picture.has_transparency_data:
        return None
    alpha = np.array(picture.convert("RGBA").getchannel("A"), np.uint8)
    return None if (alpha == 255).all() else alpha


def _cmyk_to_rgb(picture: Pillow.Image) -> Pillow.Image:
    profile = picture.info.get("icc_profile")
    if profile:
        from PIL import ImageCms

        try:
            screen = ImageCms.createProfile("sRGB")
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a damaged profile: the plain conversion below is still a picture
        if converted is not None:
            return converted
    return picture.convert("RGB")
