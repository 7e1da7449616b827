"""A rig as a browser fetches it: a manifest, the painting and one file of arrays.

    files = export_web_rig(rig, title="The Bridgewater Madonna")
    files.keys()        # manifest.json, painting.png, rig.bin

The same rig gives the same bytes. `docs/rig-format.md` describes them; `stage/web/portrait.js` draws them.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.creases import Creases
from visavis.portrait.eyes import CLOSED, CURVE_MARGIN, Eye
from visavis.portrait.fields import Grid
from visavis.portrait.lids import (
    LID_ROOM,
    LIFTED_LIGHT,
    LOWER_BOUNDS,
    ROUNDNESS,
    UPPER_BOUNDS,
    WHOLLY_LIFTED,
)
from visavis.portrait.motions import LOOKS, MOTIONS
from visavis.portrait.rig import Rig
from visavis.types import BLENDSHAPES, Float32

__all__ = ["FORMAT", "VERSION", "export_web_rig"]

#: What `manifest.json` calls itself, and which form of it this is.
FORMAT: Final = "visavis-rig"
VERSION: Final = 10

#: Displacements need not be finer than this, in face widths: far below what can be seen, and small files.
_FINEST: Final = 1e-5
#: Arrays begin at multiples of this many bytes, so that typed arrays can look into the file.
_ALIGNMENT: Final = 8


def export_web_rig(rig: Rig, *, title: str = "") -> dict[str, bytes]:
    """The files of a rig by name.

    Args:
        rig: what is exported.
        title: how the page calls the painting.

    Returns:
        `manifest.json`, which names the others; `painting.png`, lossless and without a colour profile, so that every
        browser gives back the same pixels; `rig.bin`, arrays one after the other, compressed by zlib.
    """
    height, width = rig.painting.shape[:2]
    scales = _scales(rig)
    steps = (1 / scales).astype(np.float32)
    arrays = _Arrays()
    arrays.add("fields", _quantised(rig.fields, steps))
    body_scale = max(float(np.abs(rig.body.field).max()) / 32767, 1e-9)
    arrays.add("body", _quantised(rig.body.field[None], np.array([1 / body_scale], np.float32)))
    lips = np.stack([rig.mouth.lower, rig.mouth.upper], axis=1)
    arrays.add("lips", _quantised(lips, steps))
    masks = rig.mouth.lower_mask, rig.mouth.upper_mask
    arrays.add("lip_masks", np.concatenate([mask[:, :, :2] for mask in masks], axis=2))
    arrays.add("stirred_lips", np.stack([mask[:, :, 2] for mask in masks], axis=2))
    arrays.add("cavity", rig.mouth.cavity)
    arrays.add("upper_teeth", rig.mouth.upper_teeth)
    for index, eye in enumerate(rig.eyes):
        arrays.add(f"eye{index}_white", eye.white)
        arrays.add(f"eye{index}_iris", eye.iris)
        arrays.add(f"eye{index}_lid", eye.lid)
        arrays.add(f"eye{index}_curves", np.stack([eye.upper, eye.lower, eye.above, eye.below], axis=1))
    crease_maps, crease_scales = _packed_creases(rig.creases)
    arrays.add("creases", crease_maps)

    painting, packed = _png(rig.painting), zlib.compress(bytes(arrays.data), 6)
    centre = rig.landmarks.mean(axis=0) / (width, height)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "title": title,
        "width": width,
        "height": height,
        "focus": _numbers(centre),
        "painting": "painting.png",
        "blendshapes": list(BLENDSHAPES),
        "motions": list(MOTIONS),
        "looks": [list(pair) for pair in LOOKS],
        "face_width": _number(rig.face_width),
        "sharpness": _number(rig.sharpness),
        "grid": _grid(rig.grid),
        "field_scales": _numbers(scales),
        "largest_sway": _numbers(rig.largest_sway),
        "body": {"grid": _grid(rig.body.grid), "scale": _number(body_scale)},
        "mouth": {
            "grid": _grid(rig.mouth.grid),
            "skull": _numbers(rig.mouth.skull),
            "jaw": _numbers(rig.mouth.jaw),
            "shade": _numbers(rig.mouth.shade),
            "stir": _numbers(rig.mouth.stir),
        },
        "eyes": [_eye(eye, rig) for eye in rig.eyes],
        "lids": {
            "room": LID_ROOM,
            "roundness": ROUNDNESS,
            "upper_bounds": list(UPPER_BOUNDS),
            "lower_bounds": list(LOWER_BOUNDS),
            "lifted_light": LIFTED_LIGHT,
            "wholly_lifted": WHOLLY_LIFTED,
        },
        "creases": {
            "origin": [int(edge) for edge in rig.creases.box[:2]],
            "step": rig.creases.scale,
            "scales": _numbers(crease_scales),
            "drivers": _numbers(rig.creases.drivers),
            "hue": _numbers(rig.creases.hue),
        },
        "data": "rig.bin",
        "arrays": arrays.index,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in (("painting.png", painting), ("rig.bin", packed))
        },
    }
    text = json.dumps(manifest, separators=(",", ":"), allow_nan=False)
    return {"manifest.json": text.encode(), "painting.png": painting, "rig.bin": packed}


class _Arrays:
    """Arrays laid one after the other, little-endian, and where each lies."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.index: dict[str, dict[str, Any]] = {}

    def add(self, name: str, array: NDArray[Any]) -> None:
        self.data.extend(bytes(-len(self.data) % _ALIGNMENT))
        self.index[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": len(self.data)}
        self.data.extend(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def _scales(rig: Rig) -> Float32:
    """Pixels for one unit of each motion's 16-bit numbers, (56,)."""
    count = len(rig.fields)
    every = (rig.fields, rig.mouth.lower, rig.mouth.upper)
    largest = np.max([np.abs(fields).reshape(count, -1).max(axis=1) for fields in every], axis=0)
    finest = np.full(count, _FINEST * rig.face_width)
    finest[len(BLENDSHAPES) :] = 0  # sways are fields for one degree and are played many times over
    return np.asarray(np.maximum(np.maximum(largest / 32767, finest), 1e-9), np.float32)


def _quantised(fields: Float32, steps: Float32) -> NDArray[np.int16]:
    wide = steps.reshape(-1, *[1] * (fields.ndim - 1))
    return np.asarray(np.rint(np.clip(fields * wide, -32767, 32767)), np.int16)


def _packed_creases(creases: Creases) -> tuple[NDArray[np.int8], Float32]:
    """Four folds in one texel, (ceil(F / 4), rows, columns, 4) int8, and each fold's light for one unit, (F,)."""
    count = len(creases.patches)
    units = np.zeros((-(-count // 4), *creases.shape, 4), np.int8)
    scales = np.ones(count, np.float32)
    for index, ((row, column), patch) in enumerate(zip(creases.corners, creases.patches, strict=True)):
        scales[index] = max(float(np.abs(patch).max(initial=0)) / 127, 1e-9)
        rows, columns = slice(row, row + patch.shape[0]), slice(column, column + patch.shape[1])
        units[index // 4, rows, columns, index % 4] = np.rint(patch / scales[index])
    return units, scales


def _eye(eye: Eye, rig: Rig) -> dict[str, Any]:
    rows, columns = rig.grid.part(eye.box)
    around = rig.fields[:, rows, columns]
    return {
        "side": eye.side,
        "origin": _numbers(eye.origin),
        "axis": _numbers(eye.axis),
        "down": _numbers(eye.down),
        "width": _number(eye.width),
        "edge": _number(eye.edge),
        "aperture": _number(eye.aperture),
        "skew": _number(eye.skew),
        "open_aperture": _number(eye.open_aperture),
        "curve_margin": CURVE_MARGIN,
        "closed": CLOSED,
        "upper_squint": _numbers(eye.upper_squint),
        "lower_squint": _numbers(eye.lower_squint),
        "blink": _numbers(eye.blink),
        "gaze": _numbers(eye.gaze),
        "shade": _numbers(eye.shade),
        "shine": _numbers(eye.shine / 255),
        "look": {name: _number(value) for name, value in eye.look._asdict().items()},
        "box": [int(edge) for edge in eye.box],
        # How far each motion at weight 1 carries the box: -x, -y, +x, +y at most.
        "carried": _numbers(np.concatenate([around.min(axis=(1, 2)), around.max(axis=(1, 2))], axis=1)),
    }


def _grid(grid: Grid) -> dict[str, int]:
    return {"x0": grid.x0, "y0": grid.y0, "step": grid.step, "columns": grid.columns, "rows": grid.rows}


def _number(value: float) -> float:
    """As precise as float32, and no longer."""
    return float(f"{value:.8g}")


def _numbers(values: NDArray[Any]) -> Any:
    """Nested lists of the same shape."""
    if values.ndim == 0:
        return _number(float(values))
    return [_numbers(part) for part in values]


def _png(painting: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(painting).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
