"""The only path from a picture to a classifier: one function cuts a face, one turns cuts into a network's input.

A `CropSpec` says how. It is stored beside each model's weights and used alike in training and live, so that the network
never sees pixels made in another way than those it learnt from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np

from visavis.errors import ConfigError
from visavis.faces.patch import Patch, cut_patch
from visavis.types import Face, Float32, Image

__all__ = ["ALIGNED_TEMPLATE", "Align", "CropSpec", "crop_face", "crop_patch", "eye_roll", "sharpness", "to_input"]

Align = Literal["none", "eyes", "points"]
Points = tuple[tuple[float, float], ...]

#: Where the five keypoints lie in the pictures of CelebA-HQ, as shares of the side (mean over 400 of them, made
#: symmetric): a crop aligned to it looks like the pictures that face classifiers are trained on.
ALIGNED_TEMPLATE: Final[Points] = ((0.383, 0.482), (0.617, 0.482), (0.5, 0.643), (0.394, 0.731), (0.606, 0.731))

_ALIGNS: Final = get_args(Align)


@dataclass(frozen=True, slots=True)
class CropSpec:
    """How a face is cut out and made into numbers.

    Attributes:
        size: side of the crop in pixels.
        margin: how much is added on every side, as a share of the square's own side: the square around the box for
            `none` and `eyes`, the template's unit square for `points`. May be negative to cut closer.
        align: `none` leaves the face as it is turned, `eyes` turns the line of the eyes level, `points` moves, turns
            and scales so that the five keypoints meet `template` as well as they can.
        template: (5, 2) shares of the side, in the order of `Face.keypoints`; used by `points` only.
        mean, std: per channel, in the order of `colour`, for values in [0, 1]: the network is given
            `(value - mean) / std`.
        colour: order of the channels that the network wants.
        layout: `nchw` or `nhwc`, how the network wants its axes.

    >>> CropSpec(size=128, margin=0.2).to_dict()["size"]
    128

    Raises:
        ConfigError: a value is out of range.
    """

    size: int = 256
    margin: float = 0.3
    align: Align = "eyes"
    template: Points = ALIGNED_TEMPLATE
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    colour: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 4096:
            raise ConfigError(f"a crop's size must lie between 8 and 4096 pixels, not {self.size}")
        if not -0.4 <= self.margin <= 4:
            raise ConfigError(f"a crop's margin must lie between -0.4 and 4, not {self.margin}")
        for name, value, known in (
            ("align", self.align, _ALIGNS),
            ("colour", self.colour, ("rgb", "bgr")),
            ("layout", self.layout, ("nchw", "nhwc")),
        ):
            if value not in known:
                raise ConfigError(f"a crop's {name} must be one of {', '.join(known)}, not {value!r}")
        if np.shape(self.template) != (5, 2) or not np.isfinite(self.template).all():
            raise ConfigError(f"a crop's template must be five pairs of numbers, not {self.template}")
        if len(self.mean) != 3 or len(self.std) != 3 or not np.isfinite([*self.mean, *self.std]).all():
            raise ConfigError(f"a crop's mean and std must be three numbers each, not {self.mean} and {self.std}")
        if min(self.std) <= 0:
            raise ConfigError(f"a crop's std must be positive, not {self.std}")

    def grown(self, factor: float) -> CropSpec:
        """The same crop at the same scale with more around it: training cuts shifted and turned crops out of it.

        >>> CropSpec(size=100, margin=0.0).grown(1.2).size
        120
        """
        size = max(round(self.size * factor), self.size)
        margin = ((1 + 2 * self.margin) * size / self.size - 1) / 2
        return dataclasses.replace(self, size=size, margin=margin)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON or TOML; `from_dict` takes them back."""
        values = dataclasses.asdict(self)
        values["template"] = [list(point) for point in self.template]
        values["mean"], values["std"] = list(self.mean), list(self.std)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CropSpec:
        """Read what `to_dict` gave.

        Raises:
            ConfigError: an unknown or missing key, or a value of the wrong kind or out of range.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if set(values) != names:
            odd = sorted(set(values) ^ names)
            raise ConfigError(f"a crop's specification has unknown or missing keys: {', '.join(odd)}")
        try:
            taken = dict(values)
            taken["template"] = tuple((float(x), float(y)) for x, y in values["template"])
            taken["mean"] = tuple(float(value) for value in values["mean"])
            taken["std"] = tuple(float(value) for value in values["std"])
            taken["size"], taken["margin"] = int(values["size"]), float(values["margin"])
        except (TypeError, ValueError) as error:
            raise ConfigError(f"a crop's specification has a value of the wrong kind ({error})") from error
        return cls(**taken)


def crop_face(image: Image, face: Face, spec: CropSpec) -> Image:
    """Cut one face: (size, size, 3) uint8 RGB, never distorted, filled by reflection beyond the picture.

    The same picture, face and specification give the same bytes.

    Raises:
        ValueError: `spec` aligns and the face has no keypoints, or the box is empty.
    """
    return crop_patch(image, face, spec).image


def crop_patch(image: Image, face: Face, spec: CropSpec) -> Patch:
    """As `crop_face`, with the way back to the picture's pixels.

    Raises:
        ValueError: as for `crop_face`.
    """
    if spec.align != "none" and face.keypoints is None:
        raise ValueError(f"a crop aligned by {spec.align!r} needs a face with keypoints")
    if spec.align == "points":
        assert face.keypoints is not None  # said above
        return _to_template(image, face.keypoints, spec)
    side = max(face.width, face.height)
    if side <= 0:
        raise ValueError(f"a face with an empty box cannot be cut: {face.box}")
    angle = eye_roll(face) if spec.align == "eyes" else 0.0
    return cut_patch(image, center=face.center, side=side * (1 + 2 * spec.margin), size=spec.size, angle=angle)


def to_input(crops: Sequence[Image], spec: CropSpec) -> Float32:
    """Make a network's input of crops: float32, (N, 3, size, size) or (N, size, size, 3) by `spec.layout`.

    Raises:
        ValueError: no crop, or one that is not (size, size, 3) uint8.
    """
    for crop in crops:
        if crop.shape != (spec.size, spec.size, 3) or crop.dtype != np.uint8:
            raise ValueError(
                f"a crop must be uint8 of shape {(spec.size, spec.size, 3)}, not {crop.dtype} {crop.shape}"
            )
    if not crops:
        raise ValueError("there is no crop to make an input of")
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    pixels = np.stack(crops).astype(np.float32)
    if spec.colour == "bgr":
        pixels = pixels[..., ::-1]
    values: Float32 = (pixels / np.float32(255) - mean) / std
    if spec.layout == "nchw":
        values = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(values, np.float32)


def eye_roll(face: Face) -> float:
    """How far the line of the eyes is turned in the picture, in radians, clockwise as seen; 0 where it is unknown."""
    if face.keypoints is None:
        return 0.0
    across = face.keypoints[1] - face.keypoints[0]
    # In a profile both eyes fall together and their direction means nothing.
    if float(np.hypot(*across)) < 0.15 * face.width:
        return 0.0
    return float(np.arctan2(across[1], across[0]))


def sharpness(crop: Image) -> float:
    """How sharp a crop is: the variance of its Laplacian at 112 x 112 grey levels; under some 30 it looks blurred.

    Crops of the same `CropSpec` compare; a sharp background counts too, so a small margin tells more. After
    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (112, 112), interpolation=cv2.INTER_AREA if crop.shape[0] > 112 else cv2.INTER_LINEAR)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _to_template(image: Image, keypoints: Float32, spec: CropSpec) -> Patch:
    """Cut so that the keypoints meet the template: the least-squares similarity of Umeyama, PAMI 13 (1991), in 2-D."""
    # In the unit square, y down; complex numbers make turn and scale one factor.
    unit = np.array(spec.template, np.float64)
    template = unit[:, 0] + 1j * unit[:, 1]
    places = keypoints.astype(np.float64)
    points = places[:, 0] + 1j * places[:, 1]
    away = template - template.mean()
    factor = np.vdot(away, points - points.mean()) / np.vdot(away, away).real
    if abs(factor) < 1e-6:
        raise ValueError("a face whose keypoints fall together cannot be aligned by them")
    center = points.mean() + factor * (0.5 + 0.5j - template.mean())
    return cut_patch(
        image,
        center=(float(center.real), float(center.imag)),
        side=abs(factor) * (1 + 2 * spec.margin),
        size=spec.size,
        angle=float(np.angle(factor)),
    )
