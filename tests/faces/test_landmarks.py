"""The landmarker: what it gives, in which pixels, and how it takes time and wrong models."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.faces import Landmarker
from visavis.faces.boxes import iou
from visavis.faces.native import close_with, without_chatter
from visavis.types import BLENDSHAPES, Image


@pytest.fixture(scope="module")
def landmarker(assets: AssetStore) -> Iterator[Landmarker]:
    with Landmarker(assets) as made:
        yield made


def test_a_face_comes_with_all_that_is_promised(landmarker: Landmarker, astronaut: Image) -> None:
    (face,) = landmarker.detect(astronaut)
    assert face.landmarks is not None
    assert face.blendshapes is not None
    assert face.pose is not None
    assert face.keypoints is not None
    assert iou(face.box[None], np.array([[175, 62, 276, 174]], np.float32))[0, 0] > 0.6
    assert face.blendshapes[BLENDSHAPES.index("mouthSmileLeft")] > 0.5
    assert face.blendshapes[BLENDSHAPES.index("jawOpen")] < 0.4
    np.testing.assert_allclose(face.pose[:3, :3] @ face.pose[:3, :3].T, np.eye(3), atol=0.02)
    assert face.keypoints[0, 0] < face.keypoints[1, 0]  # the subject's right eye is on the left of the picture
    assert face.landmarks[1, 2] < face.landmarks[234, 2]  # the nose is nearer than the ear


def test_landmarks_are_in_pixels_of_the_picture(landmarker: Landmarker, astronaut: Image) -> None:
    (face,) = landmarker.detect(astronaut)
    double = astronaut.repeat(2, axis=0).repeat(2, axis=1)
    (larger,) = landmarker.detect(double)
    assert face.landmarks is not None
    assert larger.landmarks is not None
    np.testing.assert_allclose(larger.landmarks[:, :2], face.landmarks[:, :2] * 2 + 0.5, atol=2)
    np.testing.assert_allclose(larger.landmarks[:, 2], face.landmarks[:, 2] * 2, atol=4)


def test_nothing_gives_nothing(landmarker: Landmarker) -> None:
    assert landmarker.detect(np.zeros((64, 96, 3), np.uint8)) == ()


def test_other_arrays_are_refused(landmarker: Landmarker) -> None:
    with pytest.raises(ValueError, match="uint8 of shape"):
        landmarker.detect(np.zeros((64, 96, 3), np.float32))


def test_video_times_may_repeat_or_start_over(assets: AssetStore, astronaut: Image) -> None:
    with Landmarker(assets, mode="video") as video:
        for time_s in (0.0, 0.04, 0.04, 3.0, 0.0, 0.04, 0.08):
            assert len(video.detect(astronaut, time_s)) == 1


def test_it_opens_again_after_closing(assets: AssetStore, astronaut: Image) -> None:
    landmarker = Landmarker(assets)
    assert landmarker.detect(astronaut)
    landmarker.close()
    landmarker.close()
    assert landmarker.detect(astronaut)
    landmarker.close()


def test_blendshapes_in_another_order_are_refused(astronaut: Image) -> None:
    landmarker = Landmarker(AssetStore())

    class Shuffled:
        """A task that gives the right names in the wrong order."""

        def detect(self, picture: Any) -> Any:
            names = [*BLENDSHAPES[1:], BLENDSHAPES[0]]
            point = SimpleNamespace(x=0.5, y=0.5, z=0.0)
            return SimpleNamespace(
                face_landmarks=[[point] * 478],
                face_blendshapes=[[SimpleNamespace(category_name=name, score=0.1) for name in names]],
                facial_transformation_matrixes=[np.eye(4)],
            )

    landmarker._task = Shuffled()
    with pytest.raises(ModelError, match="browDownLeft for _neutral"):
        landmarker.detect(astronaut)


def test_a_corrupted_model_is_an_error(tmp_path: Path, astronaut: Image) -> None:
    from visavis.assets import Asset

    (tmp_path / "broken.task").write_bytes(b"PK\x03\x04 nothing in here" * 100)
    catalogue = {"face-landmarker": Asset(name="face-landmarker", kind="model", file="broken.task", sources=())}
    store = AssetStore(catalogue=catalogue, cache_dir=tmp_path, folders=(tmp_path,))
    with pytest.raises(ModelError, match="cannot use the face landmarker"):
        Landmarker(store).detect(astronaut)


def test_settings_are_checked(assets: AssetStore) -> None:
    with pytest.raises(ValueError, match="mode"):
        Landmarker(assets, mode="live")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_faces"):
        Landmarker(assets, max_faces=0)


def test_native_chatter_stays_off_standard_error(
    assets: AssetStore, astronaut: Image, capfd: pytest.CaptureFixture[str]
) -> None:
    with Landmarker(assets) as landmarker:
        landmarker.detect(astronaut)
    assert capfd.readouterr().err == ""


def test_a_task_forgotten_while_another_opens_does_no_harm() -> None:
    closed = []

    class Task:
        def close(self) -> None:
            closed.append(True)

    class Owner:
        pass

    owner = Owner()
    close_with(owner, Task())
    with without_chatter():
        del owner
    assert closed == [True]


def test_chatter_is_held_back_where_there_is_no_folder_to_write_to(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", nowhere)
    with without_chatter():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nkept\n")
    assert capfd.readouterr().err == "kept\n"
