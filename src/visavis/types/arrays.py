"""Arrays that the types hold: what an image and a vector are, and the check at every boundary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Float32", "Image", "check_array", "check_image"]

Image = NDArray[np.uint8]
Float32 = NDArray[np.float32]


def check_array(name: str, array: object, shape: tuple[int | None, ...], dtype: type[np.generic]) -> None:
    """Raise ValueError unless `array` has `dtype` and `shape` (None stands for any length)."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, not {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = tuple("any" if length is None else length for length in shape)
        raise ValueError(f"{name} must be {np.dtype(dtype).name} of shape {wanted}, not {array.dtype} {array.shape}")


def check_image(image: object, name: str = "the image") -> None:
    """Raise ValueError unless `image` is (H, W, 3) uint8 and not empty."""
    check_array(name, image, (None, None, 3), np.uint8)
    assert isinstance(image, np.ndarray)
    if image.size == 0:
        raise ValueError(f"{name} must not be empty, but has shape {image.shape}")
