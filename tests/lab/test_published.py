"""What published networks say of a face: how they are shown it, and how their words are weighed."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.lab.conftest import needs_lab

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.images import write_image
from visavis.lab.dataset import Dataset
from visavis.types import EMOTIONS, Float32, Image

if TYPE_CHECKING:
    from visavis.lab.published import Published

pytestmark = needs_lab

#: Labels in the order of FER-2013.
THEIRS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")


class Fixed:
    """A network that says the same of every face, and remembers what it was shown."""

    def __init__(self, *probabilities: float) -> None:
        self.probabilities = np.array(probabilities, np.float32)
        self.seen: list[Float32] = []

    def predict_on_batch(self, pictures: Float32) -> Float32:
        self.seen.append(pictures)
        return np.tile(self.probabilities, (len(pictures), 1))


def published(*models: Fixed, scale: float = 1.0, shift: float = 0.0) -> Published:
    from visavis.lab.published import Published

    return Published(tuple((model, scale, shift) for model in models))


def test_a_rare_emotion_is_weighed_as_if_all_came_alike() -> None:
    even = np.full(7, 1 / 7)
    said = published(Fixed(*even))(np.zeros((1, 48, 48), np.uint8))[0]
    assert said.sum() == pytest.approx(1)
    assert EMOTIONS[int(said.argmax())] == "disgust", "as likely as the others, though a sixty-sixth of the faces"
    sure = published(Fixed(*(0.94 if label == "joy" else 0.01 for label in THEIRS)))(np.zeros((1, 48, 48), np.uint8))[0]
    assert EMOTIONS[int(sure.argmax())] == "joy"


def test_each_face_is_shown_with_its_mirror_image() -> None:
    face: Image = np.zeros((1, 48, 48), np.uint8)
    face[:, :, :10] = 255
    model = Fixed(*np.full(7, 1 / 7))
    published(model, scale=2, shift=-1)(face)
    shown = model.seen[0]
    assert shown.shape == (2, 48, 48, 1)
    assert (shown.min(), shown.max()) == (-1, 1)
    assert (shown[1] == shown[0][:, ::-1]).all()


def test_a_face_in_a_photo_is_framed_as_the_small_ones_are() -> None:
    from visavis.lab.published import fer_picture

    photo = np.full((400, 400, 3), 90, np.uint8)
    eyes = np.array([[150, 150], [250, 150], [200, 215], [160, 260], [240, 260]], np.float32)
    for x, y in eyes[:2].astype(int):
        photo[y - 6 : y + 7, x - 6 : x + 7] = 255
    small = fer_picture(photo, eyes)
    assert small.shape == (48, 48)
    y, x = np.nonzero(small > 180)
    assert x[x < 24].mean() / 48 == pytest.approx(0.311, abs=0.03)
    assert x[x >= 24].mean() / 48 == pytest.approx(0.667, abs=0.03)
    assert y.mean() / 48 == pytest.approx(0.375, abs=0.04)
    close = np.repeat(np.arange(48, dtype=np.uint8)[None, :, None], 48, axis=0).repeat(3, axis=2)
    assert (fer_picture(close, np.full((5, 2), np.nan, np.float32)) == close[:, :, 0]).all(), "taken whole"


def test_what_shows_no_face_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visavis.lab import published as module

    write_image(tmp_path / "close.png", np.full((48, 48, 3), 80, np.uint8))
    write_image(tmp_path / "photo.png", np.full((300, 300, 3), 80, np.uint8))
    dataset = Dataset(tmp_path, ("close.png", "photo.png", "none.png"), EMOTIONS, np.zeros((3, 7), np.uint8),
                      np.arange(3), ("train",) * 3)  # fmt: skip
    nowhere = np.full((3, 5, 2), np.nan, np.float32)
    pictures, shown = module.fer_pictures(dataset, nowhere, folder=tmp_path / "cache")
    assert shown.tolist() == [True, False, False]
    assert (pictures[0] == 80).all()
    monkeypatch.setattr(module, "fer_picture", lambda *_: pytest.fail("what was cut is kept"))
    again, _ = module.fer_pictures(dataset, nowhere, folder=tmp_path / "cache")
    np.testing.assert_array_equal(again, pictures)


def test_a_tutor_draws_labels_to_what_it_says_of_the_blended_pictures() -> None:
    import torch

    from visavis.lab.losses import mix
    from visavis.lab.published import PublishedTutor

    model = Fixed(*(0.94 if label == "joy" else 0.01 for label in THEIRS))
    pictures = np.repeat(np.array([0, 100, 200, 250], np.uint8)[:, None, None], 48, axis=1).repeat(48, axis=2)
    tutor = PublishedTutor(published(model), pictures, np.array([True, True, True, False]), heed=0.5)
    labels = torch.full((4, 9), 0.25)
    labels[:2, :7] = torch.eye(7)[[EMOTIONS.index("anger"), EMOTIONS.index("fear")]]
    labels[2:, :7] = torch.nan  # faces that carry no label of an emotion
    blank, joy = torch.zeros(4, 2), EMOTIONS.index("joy")
    _, mixed = mix(blank, labels, 0.4, 7)
    drawn = tutor.draw(np.arange(4), labels, mixed, pictures=blank, alpha=0.4, seed=7)
    said = float(published(model)(pictures[:1])[0, joy])
    assert said > 0.8
    assert drawn[0, joy] == pytest.approx(said / 2, abs=1e-4), "half of what it says"
    assert drawn[0].sum() == pytest.approx(float(mixed[0, :7].sum() * 0.5 + 0.5 + 0.5), abs=1e-5)
    assert drawn[2, joy] == pytest.approx(said, abs=1e-4), "all there is"
    assert torch.isnan(drawn[3, :7]).all(), "a face that it is not asked about"
    assert (drawn[:, 7:] == mixed[:, 7:]).all()
    # It was shown the very blends: the same partners, in the same shares.
    seen = torch.from_numpy(model.seen[0][:, :, :, 0].mean(axis=(1, 2)) * 255)
    expected, _ = mix(torch.tensor([[0.0], [100], [200], [250]]), labels, 0.4, 7)
    torch.testing.assert_close(seen[:, None].float(), expected, atol=0.01, rtol=0)
    plain = tutor.draw(np.array([1]), labels[1:2], labels[1:2], pictures=blank, alpha=0.0, seed=3)
    assert plain[0, EMOTIONS.index("fear")] > 0.5


def test_another_archive_is_told(tmp_path: Path, assets: AssetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from visavis.lab.published import Published

    other = tmp_path / "other.tar.gz"
    with tarfile.open(other, "w:gz") as packed:
        packed.add(__file__, arcname="readme.py")
    monkeypatch.setattr(AssetStore, "path", lambda *_: other)
    with pytest.raises(ModelError, match="does not hold the networks that teach"):
        Published.load(assets)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras, as it saves
def test_a_chain_of_layers_of_2017_is_renewed(tmp_path: Path) -> None:
    import json

    import h5py

    from visavis.lab.network import keras
    from visavis.lab.published import _renew

    model = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Conv2D(7, 3, name="conv")])
    model.save(tmp_path / "new.h5")
    with h5py.File(tmp_path / "new.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        conv = config["config"]["layers"][1]
        conv["config"]["batch_input_shape"] = [None, 48, 48, 1]
        file.attrs["model_config"] = json.dumps(config | {"config": [conv]})
    _renew(tmp_path / "new.h5")
    again = keras.models.load_model(tmp_path / "new.h5", compile=False)
    picture = np.random.default_rng(0).random((1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(again.predict_on_batch(picture), model.predict_on_batch(picture), atol=1e-6)
