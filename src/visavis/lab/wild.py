"""Photos as a camera gives them, judged by a run: as the detector cuts them, and once more framed as its training set.

The second is what the photos would be, had somebody aligned them as CelebA-HQ was aligned: the same people, the same
labels, the same light. What lies between the two is the detector's doing, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.lab.datasets import Dataset, open_dataset
from visavis.lab.framing import aligned_cut, box_cut, face_cut, find_faces_in, find_faces_of
from visavis.lab.pixels import Progress, open_store, whole
from visavis.lab.recipe import Recipe
from visavis.types import Float32

if TYPE_CHECKING:
    from visavis.lab.models import Network

__all__ = ["Photos", "judge_photos", "without_people"]

#: Side of CelebA-HQ's pictures as they are kept for training.
_ALIGNED_SIZE: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Whole photos and what a run's network makes of them, N rows in which a face was found.

    Attributes:
        labels: (N, A) uint8.
        scores: (N, A) float32 probabilities of the crops that the detector gives.
        shapes: (N, SHAPE_FEATURES) float32, nan where there are no landmarks.
        aligned_scores, aligned_shapes: the same of the same photos, framed as CelebA-HQ first.
    """

    labels: NDArray[np.uint8]
    scores: Float32
    shapes: Float32
    aligned_scores: Float32
    aligned_shapes: Float32


def without_people(dataset: Dataset, others: Dataset) -> Dataset:
    """Rows whose person is not among the training people of `others`, and whose picture is none of theirs.

    Rows of unknown identity are kept.
    """
    seen = {int(person) for person, side in zip(others.identity, others.split, strict=True) if side == "train"}
    return dataset.take([row for row, person in enumerate(dataset.identity) if person < 0 or int(person) not in seen])


def judge_photos(
    path: Path,
    trained: Dataset,
    recipe: Recipe,
    network: Network,
    *,
    cache: Path,
    assets: AssetStore | None = None,
    progress: Progress | None = None,
) -> Photos:
    """Judge a data set of whole photos, without the people of the training side.

    A run that learnt from faces found sees them as the live product cuts them; one that learnt from whole aligned
    pictures sees the box around the face, as one would without a template.

    Args:
        path: the photos.
        trained: the data set of the run.
        recipe, network: the run.
        cache: folder of decoded pictures.
        assets: where the face landmarker comes from.
        progress: told how far decoding is.

    Raises:
        InputError: no data set there.
        AssetError, ModelError: the models that find faces cannot be had or used.
    """
    from visavis.lab.train import predict

    store_of, boxed = assets or AssetStore(), recipe.data.frame == "whole"
    dataset = without_people(open_dataset(path), trained)
    found = find_faces_of(dataset, folder=cache, assets=store_of, progress=progress)
    cut = box_cut(found.boxes, size=network.size) if boxed else face_cut(found.keypoints, size=network.size)
    crops = open_store(dataset, cut, folder=cache, progress=progress)
    framed = open_store(dataset, aligned_cut(found.keypoints, size=_ALIGNED_SIZE), folder=cache, progress=progress)
    rows = np.flatnonzero(crops.usable & framed.usable)
    pictures = [np.array(framed.pixels[row]) for row in rows]
    aligned = find_faces_in(pictures, assets=store_of)
    cut = whole(network.size) if boxed else face_cut(aligned.keypoints, size=network.size)
    squares = [cut.make(picture, place) for place, picture in enumerate(pictures)]
    # Where keypoints fall together the aligned picture is black, as stores are where nothing could be cut.
    empty = np.zeros((network.size, network.size, 3), np.uint8)
    stacked = np.stack([empty if square is None else square for square in squares]) if squares else empty[None][:0]

    def judged(pixels: NDArray[np.uint8], places: NDArray[np.int64]) -> Float32:
        return np.asarray(predict(network, pixels, places, flip=recipe.flip_average, half=False))

    return Photos(
        dataset.columns(recipe.data.names)[rows],
        judged(crops.pixels, rows),
        found.shapes[rows],
        judged(stacked, np.arange(len(rows))),
        aligned.shapes,
    )
