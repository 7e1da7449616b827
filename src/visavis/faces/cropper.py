"""Cutting every face out of pictures: what `visavis crop` and the preparation of training sets share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from visavis.errors import ConfigError
from visavis.faces.crop import CropSpec, crop_face, eye_roll, sharpness
from visavis.types import Face, Image

__all__ = ["Crop", "CropCounts", "Cropper", "Finder"]


class Finder(Protocol):
    """Finds the faces of one picture; `FaceFinder.find` and `Detector.detect` are such."""

    def __call__(self, image: Image) -> tuple[Face, ...]:
        """The faces of (H, W, 3) uint8 RGB."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One face cut out.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        face: where it was.
        number: of the face in its picture, from left to right, from 0; those left out count too.
        aligned: whether it was turned by its eyes, as asked; False where no eyes were found.
        roll: how far the eyes were turned, in degrees, clockwise as seen; 0 where unknown.
        sharpness: see `visavis.faces.crop.sharpness`.
    """

    image: Image
    face: Face
    number: int
    aligned: bool
    roll: float
    sharpness: float


@dataclass(slots=True)
class CropCounts:
    """What became of all faces so far."""

    pictures: int = 0
    kept: int = 0
    small: int = 0
    blurred: int = 0
    unaligned: int = 0


@dataclass(slots=True)
class Cropper:
    """Finds and cuts faces, and counts what is left out.

    Args:
        find: what finds faces.
        spec: how they are cut.
        add_keypoints: lays landmarks on a face that came without keypoints, or gives None; used when `spec` aligns.
        min_size: faces whose box is narrower or lower, in pixels, are left out.
        min_sharpness: crops less sharp are left out.

    Raises:
        ConfigError: a bound is negative.
    """

    find: Finder
    spec: CropSpec
    add_keypoints: Callable[[Image, Face], Face | None] | None = None
    min_size: float = 0.0
    min_sharpness: float = 0.0
    counts: CropCounts = field(default_factory=CropCounts)

    def __post_init__(self) -> None:
        if self.min_size < 0 or self.min_sharpness < 0:
            raise ConfigError(f"bounds must not be negative: size {self.min_size}, sharpness {self.min_sharpness}")

    def crops(self, image: Image) -> list[Crop]:
        """The crops of one picture, (H, W, 3) uint8 RGB, from left to right."""
        self.counts.pictures += 1
        found = []
        for number, face in enumerate(sorted(self.find(image), key=lambda face: float(face.box[0]))):
            if min(face.width, face.height) < self.min_size:
                self.counts.small += 1
                continue
            crop = self._crop(image, face, number)
            if crop.sharpness < self.min_sharpness:
                self.counts.blurred += 1
                continue
            self.counts.kept += 1
            self.counts.unaligned += self.spec.align != "none" and not crop.aligned
            found.append(crop)
        return found

    def _crop(self, image: Image, face: Face, number: int) -> Crop:
        spec = self.spec
        if spec.align != "none" and face.keypoints is None and self.add_keypoints is not None:
            marked = self.add_keypoints(image, face)
            if marked is not None:
                face = dataclasses.replace(face, keypoints=marked.keypoints)
        aligned = spec.align != "none" and face.keypoints is not None
        if not aligned:
            spec = dataclasses.replace(spec, align="none")
        pixels = crop_face(image, face, spec)
        return Crop(pixels, face, number, aligned, float(np.degrees(eye_roll(face))), sharpness(pixels))
