"""Faces labelled by emotion: a folder a class, or a table; and all that the readers are given of each face.

    labels.csv      file, emotion, [subject], [split] beside the pictures
    joy/*.jpg ...   a folder a class, also within train/, val/ and test/

Classes go by the words of `EMOTIONS` or by those that data sets use for them (`happy`, `angry`, ...).
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import InputError
from visavis.faces import FaceFinder, Landmarker
from visavis.files import replacing
from visavis.images import IMAGE_SUFFIXES, resize
from visavis.lab.dataset import SPLITS, Dataset
from visavis.lab.pictures import Pictures
from visavis.lab.pixels import Progress
from visavis.types import BLENDSHAPES, EMOTIONS, Face, Float32, Image

if TYPE_CHECKING:
    from visavis.reading.attributes import AttributeReader

__all__ = [
    "FaceData",
    "folds",
    "hold_out",
    "join_folders",
    "measure_faces",
    "open_emotions",
    "shrunk",
]

#: Words of data sets for our seven.
_WORDS: Final[Mapping[str, str]] = {
    **{label: label for label in EMOTIONS},
    **dict.fromkeys(("happy", "happiness", "smile"), "joy"),
    **dict.fromkeys(("sad",), "sadness"),
    **dict.fromkeys(("angry",), "anger"),
    **dict.fromkeys(("fearful", "afraid", "scared"), "fear"),
    **dict.fromkeys(("disgusted",), "disgust"),
    **dict.fromkeys(("surprised",), "surprise"),
}
#: Classes that some sets have beside the seven; their pictures are left out.
_LEFT_OUT: Final = frozenset({"contempt", "contemptuous"})
_SIDES: Final[Mapping[str, str]] = {"": "", "train": "train", "val": "val", "valid": "val", "validation": "val",
                                    "test": "test"}  # fmt: skip

#: Pictures with no side longer than this are close crops of one face, too small and too tight for any detector: they
#: are enlarged to so many pixels, and framed.
_TIGHT, _ENLARGED, _FRAME = 128, 224, 56


def open_emotions(root: Path) -> Dataset:
    """Open a folder of labelled faces; the columns of `labels` are `EMOTIONS`, one of them 1 in each row.

    Raises:
        InputError: there is neither table nor folder of a known class, or a label is none that is known.
    """
    table = root / "labels.csv"
    rows = list(_table_rows(table) if table.is_file() else _folder_rows(root))
    if not rows:
        raise InputError(
            f"{root} holds no labelled face: expected labels.csv with file and emotion, or a folder a class"
        )
    subjects = {name: number for number, name in enumerate(sorted({row[2] for row in rows if row[2]}))}
    labels = np.zeros((len(rows), len(EMOTIONS)), np.uint8)
    for number, row in enumerate(rows):
        labels[number, EMOTIONS.index(row[1])] = 1
    return Dataset(
        root,
        tuple(row[0] for row in rows),
        EMOTIONS,
        labels,
        np.array([subjects.get(row[2], -1) for row in rows], np.int64),
        tuple(row[3] for row in rows),
    )


def _label(word: str, where: Path) -> str | None:
    found = word.strip().lower()
    if found in _LEFT_OUT:
        return None
    if found not in _WORDS:
        raise InputError(f"{where}: {word!r} is no emotion that is known; expected one of {', '.join(sorted(_WORDS))}")
    return _WORDS[found]


def _table_rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error})") from error
    for row in rows:
        if not row.get("file") or row.get("emotion") is None:
            raise InputError(f"{path} must have the columns file and emotion, and may have subject and split")
        label = _label(str(row["emotion"]), path)
        if label is not None:
            side = _SIDES.get(str(row.get("split") or "").lower(), "")
            yield str(row["file"]), label, str(row.get("subject") or ""), side


def _folder_rows(root: Path) -> Iterator[tuple[str, str, str, str]]:
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.parent == root:
            continue
        label = _label(path.parent.name, root)
        if label is not None:
            over = path.parent.parent.name.lower() if path.parent.parent != root else ""
            yield str(path.relative_to(root)), label, "", _SIDES.get(over, "")


def hold_out(dataset: Dataset, *, seed: int = 0, share: float = 0.2) -> Dataset:
    """The data set with a side for each row: its own where it has some, else a share of its people as `val`.

    People are never on both sides; a row that does not say whom it shows counts as a person of its own.
    """
    if any(side in SPLITS for side in dataset.split):
        return dataset.take([row for row, side in enumerate(dataset.split) if side in SPLITS])
    chosen = folds(dataset, round(1 / share), seed=seed) == 0
    return replace(dataset, split=tuple("val" if held else "train" for held in chosen))


def folds(dataset: Dataset, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """(N,) number of the part, 0 to `count` - 1, that each row belongs to; a person's rows belong to one part."""
    people = np.where(dataset.identity >= 0, dataset.identity, -2 - np.arange(len(dataset)))
    names, inverse = np.unique(people, return_inverse=True)
    part = np.random.default_rng([seed, count]).permutation(len(names)) % count
    return np.asarray(part[inverse], np.int64)


def join_folders(datasets: Sequence[Dataset]) -> Dataset:
    """Several folders of labelled faces as one; people of different folders are different people."""
    if len(datasets) == 1:
        return datasets[0]
    root = Path(os.path.commonpath([dataset.root.resolve() for dataset in datasets]))
    people: list[NDArray[np.int64]] = []
    for dataset in datasets:
        start = max((int(part.max(initial=-1)) for part in people), default=-1) + 1
        people.append(np.where(dataset.identity >= 0, dataset.identity + start, -1))
    return Dataset(
        root,
        tuple(
            str(dataset.path(row).resolve().relative_to(root)) for dataset in datasets for row in range(len(dataset))
        ),
        EMOTIONS,
        np.concatenate([dataset.labels for dataset in datasets]),
        np.concatenate(people),
        tuple(side for dataset in datasets for side in dataset.split),
    )


def shrunk(dataset: Dataset, limit: int) -> Dataset:
    """At most so many rows a side, spread over it; for trials. 0 keeps all."""
    if not limit:
        return dataset
    kept = [rows[:: max(len(rows) // limit, 1)][:limit] for rows in map(dataset.indices, SPLITS)]
    return dataset.take(np.sort(np.concatenate(kept)))


@dataclass(frozen=True, slots=True, eq=False)
class FaceData:
    """What the readers are given of each picture's face.

    Attributes:
        found: (N,) bool: a face was found; otherwise it is taken to be where the others are, without blendshapes.
        keypoints: (N, 5, 2) float32 pixels; nan where the picture cannot be read.
        blendshapes: (N, 52) float32; nan where no face was found.
        attributes: (N, A) float32 probabilities; nan where the picture cannot be read or there is no classifier.
        names: the A attributes.
    """

    found: NDArray[np.bool_]
    keypoints: Float32
    blendshapes: Float32
    attributes: Float32
    names: tuple[str, ...]

    def take(self, rows: NDArray[np.int64]) -> FaceData:
        """The given rows."""
        return FaceData(self.found[rows], self.keypoints[rows], self.blendshapes[rows], self.attributes[rows],
                        self.names)  # fmt: skip


def measure_faces(
    dataset: Dataset,
    *,
    folder: Path,
    assets: AssetStore,
    attributes: AttributeReader | None,
    progress: Progress | None = None,
) -> FaceData:
    """Find the face of each picture and read its attributes; what is found is kept in `folder`.

    Raises:
        AssetError, ModelError: the models cannot be had or used.
        InputError: not one face was found.
        OutputError: the folder cannot be written.
    """
    names = attributes.names if attributes is not None else ()
    model = attributes.card.sha256 if attributes is not None else ""
    digest = hashlib.sha256(f"1 {dataset.root.resolve()} {model} {names}\n".encode())
    digest.update("\n".join(dataset.files).encode())
    path = folder / f"emotion-{digest.hexdigest()[:16]}.npz"
    if not path.is_file():
        keypoints = np.full((len(dataset), 5, 2), np.nan, np.float32)
        blendshapes = np.full((len(dataset), len(BLENDSHAPES)), np.nan, np.float32)
        told = np.full((len(dataset), len(names)), np.nan, np.float32)
        sizes = np.zeros((len(dataset), 2), np.float32)
        with _Look(assets) as look:
            for row in range(len(dataset)):
                try:
                    image = Pictures(dataset)[row]
                except InputError:
                    continue
                sizes[row] = image.shape[1], image.shape[0]
                face = look(image)
                if face is not None and face.keypoints is not None:
                    keypoints[row] = face.keypoints
                    if face.blendshapes is not None:
                        blendshapes[row] = face.blendshapes
                    if attributes is not None:
                        told[row] = list(attributes.read(image, face).values())
                if progress is not None:
                    progress(row + 1, len(dataset))
        found = np.isfinite(keypoints[:, 0, 0])
        if not found.any():
            raise InputError(f"not one face was found in the {len(dataset)} pictures of {dataset.root}")
        usual = np.median(keypoints[found] / sizes[found, None], axis=0)  # (5, 2) shares of width and height
        for row in np.flatnonzero(~found & (sizes[:, 0] > 0)).tolist():
            keypoints[row] = usual * sizes[row]
            if attributes is not None:
                told[row] = list(attributes.read(Pictures(dataset)[int(row)], _face_at(keypoints[row])).values())
        with replacing(path) as temporary:
            np.savez(temporary, found=found, keypoints=keypoints, blendshapes=blendshapes, attributes=told)
    with np.load(path) as file:
        return FaceData(file["found"], file["keypoints"], file["blendshapes"], file["attributes"], names)


def _face_at(keypoints: Float32) -> Face:
    return Face(box=np.concatenate([keypoints.min(0), keypoints.max(0)]).astype(np.float32), keypoints=keypoints)


class _Look:
    """Finds the biggest face of a picture, also of one of 48 pixels that a face fills."""

    def __init__(self, assets: AssetStore) -> None:
        self._close = Landmarker(assets, min_detection=0.2, min_presence=0.2)
        self._finder = FaceFinder(assets, rotate=False)

    def __call__(self, image: Image) -> Face | None:
        if max(image.shape[:2]) > _TIGHT:
            return next(iter(self._finder.find(image)), None)
        ratio = _ENLARGED / image.shape[0]
        large = resize(image, height=_ENLARGED)
        for frame in (_FRAME, 0, 2 * _FRAME):
            framed = np.pad(large, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            for face in self._close.detect(framed):
                return _moved(face, ratio=ratio, frame=frame)
        return None

    def __enter__(self) -> _Look:
        return self

    def __exit__(self, *_: object) -> None:
        self._close.close()
        self._finder.close()


def _moved(face: Face, *, ratio: float, frame: int) -> Face:
    """A face of an enlarged and framed picture, in the pixels of the picture itself."""

    def back(points: Float32) -> Float32:
        moved = points.copy()
        # The middle of the first pixel is 0 before and after, so half a pixel moves along.
        moved[:, :2] = (moved[:, :2] - frame + 0.5) / ratio - 0.5
        moved[:, 2:] /= ratio
        return moved

    assert face.keypoints is not None  # as the landmarker gives them, and
    assert face.landmarks is not None
    return replace(
        face,
        box=back(face.box.reshape(2, 2)).reshape(4),
        keypoints=back(face.keypoints),
        landmarks=back(face.landmarks),
    )
