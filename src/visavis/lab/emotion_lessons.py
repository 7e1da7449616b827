"""What a training of emotions reads: faces with labels of emotions, and behind them faces with labels of attributes.

Both are decoded once. The labels of either may be drawn towards what published networks say (`lab.published`); where a
trunk is frozen, changed copies of each face are kept, whose features are computed once.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import InputError
from visavis.files import replacing
from visavis.lab.dataset import Dataset
from visavis.lab.emotion_data import FaceData, hold_out, join_folders, measure_faces, open_emotions, shrunk
from visavis.lab.framing import face_cut
from visavis.lab.pixels import PixelStore, Progress, open_store
from visavis.lab.recipe import Recipe
from visavis.lab.runs import Material, expand, material, outputs_of
from visavis.lab.training_data import TrainingData
from visavis.reading.attributes import DEFAULT_CARD, AttributeReader
from visavis.types import EMOTIONS, Float32

if TYPE_CHECKING:
    from visavis.lab.published import PublishedTutor

__all__ = ["EmotionMaterial", "changed_copies", "emotion_material", "lessons", "settled"]


@dataclass(frozen=True, slots=True, eq=False)
class EmotionMaterial:
    """A recipe's faces, decoded, measured and split, and the faces of its attributes.

    Attributes:
        dataset: the faces labelled by emotion, with a side each.
        faces: what the readers are given of them.
        wide, exact: squares to train on, and as the live product cuts them.
        beside: the faces labelled by attributes, or None where there are none.
    """

    dataset: Dataset
    faces: FaceData
    wide: PixelStore
    exact: PixelStore
    beside: Material | None

    def rows(self, split: str) -> NDArray[np.int64]:
        """Rows of one side whose picture is usable."""
        rows = self.dataset.indices(split)
        return rows[self.exact.usable[rows]]


class _Joined:
    """Two stores of squares as one, row after row."""

    def __init__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
        self._first, self._second = first, second

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        result = np.empty((len(rows), *self._first.shape[1:]), np.uint8)
        one = rows < len(self._first)
        result[one] = self._first[rows[one]]
        result[~one] = self._second[rows[~one] - len(self._first)]
        return result


def emotion_material(
    recipe: Recipe, *, cache: Path, assets: AssetStore | None = None, progress: Progress | None = None
) -> EmotionMaterial:
    """Open, split, measure and decode a recipe's faces.

    Raises:
        InputError, ConfigError: no such folders, or they cannot be used so.
        AssetError, ModelError: the face landmarker or the attribute classifier cannot be had or used.
    """
    store = assets or AssetStore()
    opened = [hold_out(open_emotions(expand(text)), seed=recipe.seed) for text in recipe.emotion.faces]
    if not opened:
        raise InputError("the recipe names no folder of faces labelled by emotion; set emotion.faces")
    dataset = shrunk(join_folders(opened), recipe.data.limit)
    reader = AttributeReader.load() if DEFAULT_CARD.is_file() else None
    faces = measure_faces(dataset, folder=cache, assets=store, attributes=reader, progress=progress)
    size = recipe.model.resolution
    exact = open_store(dataset, face_cut(faces.keypoints, size=size), folder=cache, progress=progress)
    wide = face_cut(faces.keypoints, size=size, grown=recipe.data.grown)
    beside = None
    if recipe.emotion.share < 1:
        beside = material(recipe, cache=cache, assets=store, progress=progress)
    return EmotionMaterial(dataset, faces, open_store(dataset, wide, folder=cache, progress=progress), exact, beside)


def lessons(
    recipe: Recipe,
    stuff: EmotionMaterial,
    train: NDArray[np.int64],
    val: NDArray[np.int64],
    targets: Float32,
    heard: Float32 | None = None,
    tutor: PublishedTutor | None = None,
) -> TrainingData:
    """What the loop reads: the faces with emotions, and behind them those with attributes.

    Args:
        recipe: how.
        stuff: the material.
        train, val: rows of the faces with emotions.
        targets: (N, 7) what is to be learnt of them.
        heard: (M, 7) what is to be learnt of the emotions of the others; nan where nothing is.
        tutor: who draws the labels of either; the others that it takes to show a rare emotion are shown more often, as
            far as those that carry labels are.
    """
    names, count = outputs_of(recipe), len(stuff.dataset)
    beside = stuff.beside
    more = 0 if beside is None else len(beside.dataset)
    labels = np.full((count + more, len(names)), np.nan, np.float32)
    labels[:count, : len(EMOTIONS)] = targets
    rare = stuff.dataset.labels[train].mean(axis=0).clip(1e-9) ** -recipe.emotion.balance
    chances = np.zeros(count + more)
    chances[train] = rare[stuff.dataset.labels[train].argmax(axis=1)]
    chances *= recipe.emotion.share / chances.sum()
    wide, exact = stuff.wide, stuff.exact
    if beside is not None:
        others = beside.rows("train") + count
        labels[count:, len(EMOTIONS) :] = beside.dataset.columns(recipe.data.names)
        if heard is not None:
            labels[count:, : len(EMOTIONS)] = heard
        chances[others] = 1.0 if tutor is None else _chances(tutor, others, recipe.emotion.balance)
        chances[others] *= (1 - recipe.emotion.share) / chances[others].sum()
        train = np.concatenate([train, others])
        if wide.pixels.shape[1] != beside.store.pixels.shape[1]:
            wide = exact  # pictures that are aligned already carry no margin
        wide = PixelStore(
            cast(Any, _Joined(wide.pixels, beside.store.pixels)),
            np.concatenate([wide.usable, beside.store.usable]),
            f"{wide.key} {beside.store.key}",
        )
    digest = hashlib.sha256(stuff.dataset.fingerprint().encode())
    for array in (train, val, np.nan_to_num(labels, nan=-1)):
        digest.update(np.ascontiguousarray(array).tobytes())
    if tutor is not None:
        digest.update(f"published {tutor.heed}".encode())
    return TrainingData(
        attributes=names, labels=labels, train=train, val=val, store=wide, exact=exact,
        fingerprint=digest.hexdigest(), choices=len(EMOTIONS), chances=chances,
        tutor=tutor,
    )  # fmt: skip


def _chances(tutor: PublishedTutor, rows: NDArray[np.int64], balance: float) -> NDArray[np.float64]:
    """How often each face is shown that carries no label of an emotion, up to a factor."""
    asked = tutor.asked[rows]
    if not asked.any():
        return np.ones(len(rows))
    said = tutor.published(tutor.pictures[rows[asked]])
    chances = np.zeros(len(rows))
    chances[asked] = said @ said.mean(axis=0).clip(1e-3) ** -balance
    chances[~asked] = chances[asked].mean()
    return chances


def settled(data: TrainingData) -> TrainingData:
    """The same with the training labels drawn for good: where copies are kept, so is what is said of them."""
    import torch

    if data.tutor is None:
        return data
    labels = data.labels.astype(np.float32)
    own = torch.from_numpy(labels[data.train])
    nothing = torch.zeros(0)  # what has been published is not asked about these
    labels[data.train] = data.tutor.draw(data.train, own, own, pictures=nothing, alpha=0.0, seed=0).numpy()
    return replace(data, labels=labels, tutor=None)


def changed_copies(recipe: Recipe, data: TrainingData, *, cache: Path) -> TrainingData:
    """The same with `views` changed copies of each square to train on; copy V of row N is row V * count + N.

    They are made once, and kept in `cache`.
    """
    import torch

    from visavis.lab.augment import Augmenter

    views, size = recipe.emotion.views, recipe.model.resolution
    augmenter, count = Augmenter(recipe.augment, size=size), len(data.store.usable)
    key = hashlib.sha256(f"{data.store.key}\n{recipe.augment}\n{views} {size} {recipe.seed}".encode()).hexdigest()
    path = cache / f"copies-{key[:16]}.npy"
    if not path.is_file():
        with replacing(path) as temporary:
            shape = (views * count, size, size, 3)
            made = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            for view in range(views):
                for start in range(0, count, 64):
                    rows = np.arange(start, min(start + 64, count))
                    seed = recipe.seed + view * 1_000_003 + start
                    changed = augmenter(torch.from_numpy(data.store.pixels[rows]), seed=seed)
                    made[view * count + rows] = changed.round().to(torch.uint8).numpy()
            made.flush()
    squares = np.load(path, mmap_mode="r")
    return replace(
        data,
        store=PixelStore(squares, np.tile(data.store.usable, views), key),
        labels=np.tile(data.labels, (views, 1)).astype(np.float32),
        chances=None if data.chances is None else np.tile(data.chances, views),
        train=np.concatenate([data.train + view * count for view in range(views)]),
        fingerprint=f"{data.fingerprint} {key[:16]}",
    )
