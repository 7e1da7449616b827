"""Faces of a data set, found and cut by the live product's own functions: training sees what the camera gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import InputError
from visavis.faces import CropSpec, FaceFinder, Landmarker, crop_face
from visavis.faces.crop import ALIGNED_TEMPLATE
from visavis.files import replacing
from visavis.lab.datasets import Dataset
from visavis.lab.pictures import Pictures
from visavis.lab.pixels import Cut, Progress
from visavis.reading.shape import SHAPE_FEATURES, shape_features
from visavis.types import Face, Float32, Image

__all__ = [
    "FACE_TEMPLATE",
    "FoundFaces",
    "aligned_cut",
    "aligned_keypoints",
    "box_cut",
    "face_cut",
    "face_spec",
    "find_faces_in",
    "find_faces_of",
]

#: Where the classifier's crop lies in the frame of CelebA-HQ: its centre and side, as shares of that frame's side. It
#: runs from the hairline to just under the chin, so the face fills it: a network of 160 pixels sees lips and lids as
#: one of 230 would on whole CelebA-HQ pictures.
_CENTRE, _SIDE = (0.5, 0.552), 0.69

#: The five keypoints in the classifier's crop, as shares of its side.
FACE_TEMPLATE: Final = tuple(
    (round((x - _CENTRE[0]) / _SIDE + 0.5, 4), round((y - _CENTRE[1]) / _SIDE + 0.5, 4)) for x, y in ALIGNED_TEMPLATE
)


def face_spec(size: int) -> CropSpec:
    """The classifier's crop at a size in pixels, without normalisation (which comes from the network)."""
    return CropSpec(size=size, margin=0.0, align="points", template=FACE_TEMPLATE, layout="nhwc")


def _face(keypoints: Float32) -> Face:
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    return Face(box=np.concatenate([low, high]).astype(np.float32), keypoints=keypoints)


def face_cut(keypoints: Float32, *, size: int, grown: float = 1.0) -> Cut:
    """A cut of (N, 5, 2) keypoints, nan where no face was found; `grown` gives more around at the same scale."""
    spec = face_spec(size)
    return _points_cut(keypoints, spec.grown(grown) if grown > 1 else spec, "face")


def _points_cut(keypoints: Float32, spec: CropSpec, kind: str) -> Cut:
    def make(image: Image, row: int) -> Image | None:
        points = keypoints[row]
        if not np.isfinite(points).all():
            return None
        try:
            return crop_face(image, _face(points), spec)
        except ValueError:
            return None  # keypoints that fall together: no crop can be aligned by them

    digest = hashlib.sha256(keypoints.tobytes()).hexdigest()[:16]
    return Cut(f"{kind} {digest} {sorted(spec.to_dict().items())!r}", spec.size, make)


def aligned_cut(keypoints: Float32, *, size: int) -> Cut:
    """A cut of (N, 5, 2) keypoints that frames a photo as CelebA-HQ frames its pictures, (size, size)."""
    return _points_cut(keypoints, CropSpec(size=size, margin=0.0, align="points", template=ALIGNED_TEMPLATE), "aligned")


def box_cut(boxes: Float32, *, size: int) -> Cut:
    """A cut of (N, 4) boxes as `visavis crop` makes it when it is asked for nothing: what the founding report fed to a
    network trained on aligned pictures."""
    spec = CropSpec(size=size, align="none")

    def make(image: Image, row: int) -> Image | None:
        if not np.isfinite(boxes[row]).all():
            return None
        return crop_face(image, Face(box=boxes[row]), spec)

    digest = hashlib.sha256(boxes.tobytes()).hexdigest()[:16]
    return Cut("box " + digest + " " + repr(sorted(spec.to_dict().items())), size, make)


def aligned_keypoints(width: int, height: int) -> Float32:
    """Where the keypoints of a CelebA-HQ picture are on average, (5, 2) float32 pixels."""
    return (np.array(ALIGNED_TEMPLATE) * (width, height) - 0.5).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """The biggest face of each picture of a data set.

    Attributes:
        keypoints: (N, 5, 2) float32 pixels, nan where no face was found.
        boxes: (N, 4) float32 pixels, nan where no face was found.
        shapes: (N, SHAPE_FEATURES) float32, nan where there are no landmarks.
    """

    keypoints: Float32
    boxes: Float32
    shapes: Float32


def find_faces_of(
    dataset: Dataset,
    *,
    folder: Path,
    assets: AssetStore,
    detector: str | None = None,
    aligned: bool = False,
    progress: Progress | None = None,
) -> FoundFaces:
    """Find the biggest face of each picture; what is found is kept in `folder`.

    The landmarker looks at the whole picture first; where it sees nothing, the product's cascade of detectors does.
    Where a detector is named, it alone proposes faces.

    Args:
        dataset: whose pictures.
        folder: where results are kept.
        assets: where the models come from.
        detector: what proposes faces, by name.
        aligned: the pictures are framed as CelebA-HQ's: where nothing finds the face it is taken to be where theirs
            are, so that no hard picture drops out of an evaluation.
        progress: told how far the search is.

    Raises:
        AssetError, ModelError: the models cannot be had or used.
        OutputError: the folder cannot be written.
    """
    digest = hashlib.sha256(f"2 {dataset.root.resolve()} {detector} {aligned}\n".encode())
    digest.update("\n".join(dataset.files).encode())
    path = folder / f"faces-{digest.hexdigest()[:16]}.npz"
    if path.is_file():
        with np.load(path) as file:
            return FoundFaces(file["keypoints"], file["boxes"], file["shapes"])
    with Pictures(dataset) as pictures:
        found = _search(pictures, len(dataset), assets, detector, aligned, progress)
    with replacing(path) as temporary:
        np.savez(temporary, keypoints=found.keypoints, boxes=found.boxes, shapes=found.shapes)
    return found


def find_faces_in(pictures: Sequence[Image], *, assets: AssetStore) -> FoundFaces:
    """Find the face of each of some aligned pictures; where nothing is found it is where CelebA-HQ's are on average.

    Raises:
        AssetError, ModelError: the models cannot be had or used.
    """
    return _search(pictures, len(pictures), assets, None, True, None)


def _search(
    pictures: Pictures | Sequence[Image],
    count: int,
    assets: AssetStore,
    detector: str | None,
    aligned: bool,
    progress: Progress | None,
) -> FoundFaces:
    keypoints = np.full((count, 5, 2), np.nan, np.float32)
    boxes = np.full((count, 4), np.nan, np.float32)
    shapes = np.full((count, SHAPE_FEATURES), np.nan, np.float32)
    with Landmarker(assets) as landmarker, FaceFinder(assets, detector=detector) as finder:
        for row in range(count):
            try:
                image = pictures[row]
            except InputError:
                continue  # the pixel store marks it as not usable
            faces = (() if detector else landmarker.detect(image)) or finder.find(image)
            if faces and faces[0].keypoints is not None:
                keypoints[row], boxes[row] = faces[0].keypoints, faces[0].box
                shape = shape_features(faces[0])
                if shape is not None:
                    shapes[row] = shape
            elif aligned:
                keypoints[row] = aligned_keypoints(image.shape[1], image.shape[0])
            if progress is not None:
                progress(row + 1, count)
    return FoundFaces(keypoints, boxes, shapes)
