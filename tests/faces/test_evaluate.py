"""Average precision on data sets whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import InputError
from visavis.faces.evaluate import evaluate_detector, load_boxes, plot_precision_recall
from visavis.images import read_image, write_image
from visavis.types import Face, Image

BOXES = {1: [(10, 10, 30, 40), (60, 20, 20, 20)], 2: [(5, 5, 50, 50)]}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two pictures; the red of each tells which it is."""
    for number in BOXES:
        write_image(tmp_path / "images" / f"{number}.png", np.full((90, 100, 3), number, np.uint8))
    annotations = [
        {"image_id": number, "category_id": 7, "bbox": list(box)} for number, boxes in BOXES.items() for box in boxes
    ]
    path = tmp_path / "annotations.json"
    images = [{"id": number, "file_name": f"{number}.png"} for number in BOXES]
    path.write_text(json.dumps({"images": images, "annotations": annotations}), encoding="utf-8")
    return path


def faces_of(image: Image) -> list[Face]:
    return [
        Face(np.array([x, y, x + w, y + h], np.float32), score=0.9 - 0.1 * place)
        for place, (x, y, w, h) in enumerate(BOXES[int(image[0, 0, 0])])
    ]


def test_a_perfect_detector_scores_one(dataset: Path) -> None:
    result = evaluate_detector(lambda image: tuple(faces_of(image)), dataset)
    assert result.average_precision == {0.35: pytest.approx(1), 0.5: pytest.approx(1)}
    assert (result.pictures, result.boxes, result.found) == (2, 3, 3)
    assert len(result.milliseconds) == 2


def test_a_missed_face_costs_its_recall(dataset: Path) -> None:
    result = evaluate_detector(lambda image: tuple(faces_of(image)[:1]), dataset)
    assert result.recall[0.5] == pytest.approx(2 / 3)
    # Precision is 1 up to recall 2/3, that is at 67 of the 101 recalls.
    assert result.average_precision[0.5] == pytest.approx(67 / 101)


def test_a_loose_box_counts_at_the_lower_threshold_alone(dataset: Path) -> None:
    def loose(image: Image) -> tuple[Face, ...]:
        return tuple(
            Face(f.box + np.array([0, 0, f.width * 1.2, 0], np.float32), score=f.score) for f in faces_of(image)
        )

    result = evaluate_detector(loose, dataset)
    assert result.average_precision == {0.35: pytest.approx(1), 0.5: 0}


def test_finding_nothing_scores_nothing(dataset: Path, tmp_path: Path) -> None:
    result = evaluate_detector(lambda image: (), dataset)
    assert result.average_precision == {0.35: 0, 0.5: 0}
    plot = tmp_path / "curve.png"
    plot_precision_recall({"none": result}, plot)
    assert read_image(plot).shape[1] > 500


@pytest.mark.parametrize(
    "text", ["no json", "{}", '{"images": [{"id": 1}], "annotations": []}', '{"images": [], "annotations": []}']
)
def test_a_bad_annotation_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json"):
        load_boxes(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_boxes(tmp_path / "none.json")
