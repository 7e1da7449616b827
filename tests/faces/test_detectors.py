"""One contract for every detector."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.errors import AssetError, ConfigError, ModelError
from visavis.faces import DETECTORS, Detector, PyramidDetector, create_detector
from visavis.faces.boxes import iou
from visavis.faces.centerface import decode_centerface
from visavis.faces.found import to_faces
from visavis.faces.pyramid import tile_spans
from visavis.types import Face, Image

TRUTH = np.array([[175, 62, 276, 174]], np.float32)  # the astronaut's face


def made(name: str, assets: AssetStore, shared: Path, *, min_score: float = 0.5) -> Detector:
    if name == "yunet" and assets.find("yunet") is None and not (shared / "models" / "yunet").is_dir():
        pytest.skip("YuNet's file is not at hand")
    model = {
        "yolov3": shared / "models" / "yoloface-500k" / "yoloface-500k-v2.cfg",
        "yunet": shared / "models" / "yunet" / "yunet_s_640_640.onnx",
    }.get(name)
    if name == "yolov3" and not (model and model.exists()):
        pytest.skip("no small Darknet face net is at hand")
    return create_detector(name, assets=assets, min_score=min_score, model=model)


@pytest.fixture(params=sorted(DETECTORS), scope="module")
def detector(request: pytest.FixtureRequest, assets: AssetStore, shared: Path) -> Iterator[Detector]:
    made_detector = made(request.param, assets, shared)
    yield made_detector
    made_detector.close()


def test_it_finds_a_face_where_it_is(detector: Detector, astronaut: Image) -> None:
    (face,) = detector.detect(astronaut)
    assert iou(face.box[None], TRUTH)[0, 0] > 0.5
    assert 0.5 <= face.score <= 1
    if face.keypoints is not None:
        right_eye, left_eye, nose, *mouth = face.keypoints
        assert right_eye[0] < nose[0] < left_eye[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(corner[1] for corner in mouth)
        assert mouth[0][0] < mouth[1][0]


def test_boxes_follow_the_picture_s_scale_and_shape(detector: Detector, astronaut: Image) -> None:
    wide = np.zeros((1024, 1300, 3), np.uint8)
    wide[:, 276:] = astronaut.repeat(2, axis=0).repeat(2, axis=1)
    best = detector.detect(wide)[0]
    assert iou(best.box[None], TRUTH * 2 + np.array([276, 0, 276, 0], np.float32))[0, 0] > 0.5


def test_it_finds_nothing_where_nothing_is(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    assert detector.detect(noise) == ()
    assert detector.detect(np.full((480, 640, 3), 90, np.uint8)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 5), (33, 47)])
def test_odd_pictures_are_no_problem(detector: Detector, shape: tuple[int, int]) -> None:
    for face in detector.detect(np.full((*shape, 3), 128, np.uint8)):
        assert face.box.min() >= 0
        assert face.box[2] <= shape[1]


def test_it_gives_the_same_twice_and_after_closing(detector: Detector, astronaut: Image) -> None:
    first, second = detector.detect(astronaut), detector.detect(astronaut)
    detector.close()
    third = detector.detect(astronaut)
    for other in (second, third):
        assert [face.box.tolist() for face in other] == [face.box.tolist() for face in first]


def test_views_of_a_picture_are_taken(detector: Detector, astronaut: Image) -> None:
    mirrored = detector.detect(astronaut[:, ::-1])
    expected = np.array([[512 - 276, 62, 512 - 175, 174]], np.float32)
    assert iou(mirrored[0].box[None], expected)[0, 0] > 0.5


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)]
)
def test_other_arrays_are_refused(detector: Detector, wrong: Image) -> None:
    with pytest.raises(ValueError, match=r"uint8 of shape|must not be empty"):
        detector.detect(wrong)


def test_it_knows_its_name(detector: Detector) -> None:
    assert detector.name in DETECTORS
    assert isinstance(detector, Detector)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_a_corrupted_model_is_an_error(name: str, tmp_path: Path, astronaut: Image) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x07 not a model at all" * 50)
    with pytest.raises(ModelError):
        create_detector(name, assets=AssetStore(), model=model).detect(astronaut)


def test_an_asset_that_cannot_be_had_is_an_error(tmp_path: Path, astronaut: Image) -> None:
    nowhere = AssetStore(catalogue={}, cache_dir=tmp_path, folders=(), shared=tmp_path)
    with pytest.raises(AssetError, match="centerface"):
        create_detector("centerface", assets=nowhere).detect(astronaut)


def test_unknown_names_and_settings_are_refused(assets: AssetStore) -> None:
    with pytest.raises(ConfigError, match="mediapipe, yunet, centerface, yolov3"):
        create_detector("haar", assets=assets)
    with pytest.raises(ConfigError, match="min_score"):
        create_detector("yunet", assets=assets, min_score=1.5)
    with pytest.raises(ModelError, match=r"no model nowhere\.onnx for yunet"):
        create_detector("yunet", assets=assets, model=Path("nowhere.onnx"))
    with pytest.raises(ConfigError, match="max_side"):
        create_detector("yunet", assets=assets, max_side=3)


def test_numbers_that_are_not_finite_are_an_error(astronaut: Image) -> None:
    boxes, scores = np.array([[0, 0, np.nan, 5]], np.float32), np.array([0.9], np.float32)
    with pytest.raises(ModelError, match="not finite"):
        to_faces(boxes, scores, None, worked_at=astronaut, image=astronaut, name="Test")


def test_centerface_maps_become_boxes() -> None:
    heat = np.zeros((1, 4, 6), np.float32)
    heat[0, 2, 3] = 0.8
    log_size = np.full((2, 4, 6), np.log(5), np.float32)
    log_size[1] = np.log(3)
    shift = np.zeros((2, 4, 6), np.float32)
    shift[0], shift[1] = 0.25, -0.25
    points = np.tile(np.array([0.4, 0.3], np.float32)[:, None, None], (5, 4, 6))
    boxes, scores, keypoints = decode_centerface(heat, log_size, shift, points, min_score=0.5)
    x, y = (3 - 0.25 + 0.5) * 4, (2 + 0.25 + 0.5) * 4
    np.testing.assert_allclose(boxes, [[x - 6, y - 10, x + 6, y + 10]], rtol=1e-5)
    np.testing.assert_allclose(scores, [0.8])
    np.testing.assert_allclose(keypoints[0, 0], [x - 6 + 0.3 * 12, y - 10 + 0.4 * 20], rtol=1e-5)


class Spots:
    """Finds each pure red spot of at most 40 pixels: a detector of one size, whose answers are known."""

    name = "spots"

    def __init__(self) -> None:
        self.largest = 0

    def detect(self, image: Image) -> tuple[Face, ...]:
        import cv2

        self.largest = max(self.largest, *image.shape[:2])
        mask = ((image[..., 0] > 200) & (image[..., 1] < 50)).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [stats[number, :4] for number in range(1, count) if 4 <= stats[number, :4][2:].max() <= 40]
        return tuple(Face(np.array([x, y, x + w, y + h], np.float32), score=0.9) for x, y, w, h in boxes)

    def close(self) -> None:
        pass


def test_the_pyramid_finds_every_size_and_merges_tiles() -> None:
    truth = [(40, 50, 48, 58), (1500, 900, 1512, 912), (300, 300, 700, 700), (990, 100, 1030, 140)]
    image = np.zeros((1200, 2000, 3), np.uint8)
    for x0, y0, x1, y1 in truth:
        image[y0:y1, x0:x1, 0] = 255
    spots = Spots()
    found = PyramidDetector(spots, scales=(160, 500, 2000), tile=600).detect(image)
    assert spots.largest <= 600
    assert len(found) == len(truth)
    overlaps = iou(np.array(truth, np.float32), np.stack([face.box for face in found])).max(axis=1)
    assert overlaps.min() > 0.7


def test_tiles_cover_everything_and_overlap() -> None:
    for length in (10, 640, 641, 1000, 5000, 9999):
        spans = tile_spans(length, 640)
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end - start >= 640 / 4
