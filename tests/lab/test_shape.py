from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from visavis.lab import metrics
from visavis.reading.shape import SHAPE_FEATURES, shape_features
from visavis.types import Face, Float32


def _face(angle: float = 0.0, *, scale: float = 100.0, shift: float = 0.0, seed: int = 0) -> Face:
    dice = np.random.default_rng(seed)
    points = dice.normal(size=(478, 3))  # canonical: y up, z towards the camera
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    seen = (points @ turn.T) * (1, -1, -1) * scale + shift
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = turn * 1.3
    return Face(
        box=np.zeros(4, np.float32),
        landmarks=seen.astype(np.float32),
        blendshapes=dice.random(52).astype(np.float32),
        pose=pose,
    )


def test_shape_does_not_change_with_place_size_and_turn() -> None:
    still = shape_features(_face())
    assert still is not None
    assert still.shape == (SHAPE_FEATURES,)
    for face in (_face(0.5), _face(-0.3, scale=37.0), _face(0.2, shift=400.0)):
        moved = shape_features(face)
        assert moved is not None
        assert np.abs(moved - still).max() < 2e-3
    other = shape_features(_face(seed=1))
    assert other is not None
    assert np.abs(other - still).max() > 0.5


def test_no_shape_without_landmarks() -> None:
    assert shape_features(Face(box=np.zeros(4, np.float32))) is None


def _material() -> tuple[Float32, np.ndarray, np.ndarray]:
    dice = np.random.default_rng(0)
    shapes = dice.normal(size=(900, SHAPE_FEATURES)).astype(np.float32)
    hidden = dice.normal(size=900)
    truth = (shapes[:, 0] * 1.5 + hidden * 1.5 + 0.5 * dice.normal(size=900)) > 0.4
    return shapes, hidden, truth.astype(np.uint8)[:, None]


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'visavis[lab]'")
def test_picture_and_shape_together_beat_either() -> None:
    from visavis.lab.shape import choose_share, fit_shape, fuse, fused_scores

    shapes, hidden, labels = _material()
    shapes[5] = np.nan
    reading = fit_shape(shapes[:500], labels[:500])
    logits = reading(shapes)
    scores = (1 / (1 + np.exp(-hidden * 1.5))).astype(np.float32)
    share = choose_share(labels[500:700], scores[500:700, None], logits[500:700])
    assert 0 < share < 1
    table = {"a": fuse(labels[500:700, 0], scores[500:700], logits[500:700, 0], share=share)}
    alone = {"a": {"temperature": 1.0, "bias": 0.0}}
    both = fused_scores(scores[:, None], logits, table, ("a",), alone)[:, 0]
    test = slice(700, 900)
    figures = [metrics.average_precision(labels[test, 0], value[test]) for value in (scores, logits[:, 0], both)]
    assert figures[2] > max(figures[:2]) + 0.02
    assert both[5] == pytest.approx(float(scores[5]), abs=1e-5)  # no shape: the picture alone


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'visavis[lab]'")
def test_a_useless_shape_gets_no_share() -> None:
    from visavis.lab.shape import choose_share, fuse

    _, hidden, labels = _material()
    scores = 1 / (1 + np.exp(-hidden))
    against = -5 * (labels - 0.5)
    assert choose_share(labels, scores[:, None], against) == 0.0
    assert fuse(labels[:, 0], scores, against[:, 0], share=0.0)["shape_weight"] == 0.0
