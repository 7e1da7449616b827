"""Box arithmetic against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.faces.boxes import best_first, clip_boxes, iou, keep_best, overlap_of_smaller
from visavis.types import Float32


def some_boxes(count: int, seed: int) -> tuple[Float32, Float32]:
    draw = np.random.default_rng(seed)
    center, half = draw.uniform(0, 200, (count, 2)), draw.uniform(5, 40, (count, 2))
    # Scores on a coarse grid, so that ties happen.
    return np.hstack([center - half, center + half]).astype(np.float32), (draw.integers(0, 20, count) / 20).astype(
        np.float32
    )


def plain_suppression(boxes: Float32, scores: Float32, max_iou: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if not kept or iou(boxes[[index]], boxes[kept])[0].max() <= max_iou:
            kept.append(index)
    return kept


def test_iou_of_known_boxes() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6], [1, 1, 1, 4]], np.float32)
    np.testing.assert_allclose(iou(boxes[:1], boxes)[0], [1, 1 / 7, 0, 0], atol=1e-6)
    np.testing.assert_allclose(overlap_of_smaller(boxes[:1], boxes)[0], [1, 1 / 4, 0, 0], atol=1e-6)
    assert iou(boxes[3:], boxes[3:])[0, 0] == 0


@pytest.mark.parametrize("count", [0, 1, 7, 48, 49, 300, 900])
@pytest.mark.parametrize("max_iou", [0.0, 0.3, 0.7])
def test_suppression_is_the_greedy_one(count: int, max_iou: float) -> None:
    boxes, scores = some_boxes(count, seed=count)
    assert keep_best(boxes, scores, max_iou=max_iou).tolist() == plain_suppression(boxes, scores, max_iou)


@pytest.mark.parametrize("most", [1, 50, 64, 65, 5000])
def test_the_best_are_the_same_when_it_stops_early(most: int) -> None:
    boxes, scores = some_boxes(400, seed=3)
    every = plain_suppression(boxes, scores, 0.4)
    assert len(every) > 65
    assert keep_best(boxes, scores, max_iou=0.4, most=most).tolist() == every[:most]


@pytest.mark.parametrize("most", [None, 1, 17, 400, 900])
def test_the_best_come_first_and_ties_as_given(most: int | None) -> None:
    _, scores = some_boxes(400, seed=5)
    assert best_first(scores, most=most).tolist() == sorted(range(400), key=lambda i: (-scores[i], i))[:most]


def test_clipping_stays_inside() -> None:
    clipped = clip_boxes(np.array([[-3, 4, 50, 60]], np.float32), width=20, height=30)
    assert clipped.tolist() == [[0, 4, 20, 30]]
