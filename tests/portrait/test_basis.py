"""The basis moves the mesh as measured faces move."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.basis import load_basis
from visavis.portrait.presets import emotion_presets
from visavis.portrait.topology import LIP_INNER_LOWER, LIP_INNER_UPPER, LIP_OUTER_LOWER
from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Expression, Float32


def _openings(weights: Float32) -> Float32:
    """How far the lips are apart at each of the inner lips' points, as a share of the widest."""
    basis = load_basis()
    face = basis.neutral + np.tensordot(weights, basis.deltas, 1)
    apart = face[list(LIP_INNER_UPPER), 1] - face[list(LIP_INNER_LOWER), 1]
    return np.asarray(apart / apart.max(), np.float32)


@pytest.mark.parametrize("what", ["jawOpen", "surprise", "anger", "fear", "joy"])
def test_an_open_mouth_is_round_as_in_measured_faces(what: str) -> None:
    """Faces in videos are .80 to .85 as open at a quarter of the mouth's width as in its middle; a wedge is .5."""
    expression = emotion_presets()[what] if what in emotion_presets() else Expression.from_mapping({what: 0.6})
    openings = _openings(expression.weights)
    middle = len(openings) // 2
    for quarter in (3, len(openings) - 4):
        assert 0.76 <= openings[quarter] <= 0.9
    assert openings[middle] == pytest.approx(1, abs=0.02)


def test_the_lower_lip_of_an_open_mouth_hangs_as_a_bowl() -> None:
    """Measured ones, of jaws as wide open, hang .86 to .90 as far below the corners at a quarter of the mouth's width
    as in its middle, and .58 to .67 at an eighth; a wedge hangs .50 and .25."""
    basis = load_basis()
    face = basis.neutral + 0.8 * basis.deltas[BLENDSHAPE_INDEX["jawOpen"]]
    lip = face[list(LIP_INNER_LOWER), :2]
    along = (lip[:, 0] - lip[0, 0]) / (lip[-1, 0] - lip[0, 0])
    depth = lip[0, 1] - lip[:, 1]
    eighth, quarter, middle = np.interp([0.125, 0.25, 0.5], along, depth)
    assert 0.84 < quarter / middle < 0.92
    assert 0.56 < eighth / middle < 0.7


def test_lips_that_are_pressed_together_stay_so_as_the_jaw_opens() -> None:
    """`mouthClose` holds them together on an open jaw: in the middle they part by less than a tenth of what they would,
    and beside the corners they cross by less than that."""
    basis = load_basis()
    jaw, close = (basis.deltas[BLENDSHAPE_INDEX[name]] for name in ("jawOpen", "mouthClose"))
    open_gap, gap = (
        face[list(LIP_INNER_UPPER), 1] - face[list(LIP_INNER_LOWER), 1]
        for face in (basis.neutral + jaw, basis.neutral + jaw + close)
    )
    assert np.abs(gap).max() < 0.1 * open_gap.max()


def test_a_lip_stays_as_thick_as_it_was() -> None:
    """Measured lips of open mouths are at least as thick as at rest, from a quarter of their length inwards."""
    basis = load_basis()
    inner, outer = (np.array(line)[3:-3] for line in (LIP_INNER_LOWER, LIP_OUTER_LOWER))
    face = basis.neutral + 0.6 * basis.deltas[BLENDSHAPE_INDEX["jawOpen"]]
    rest, opened = (np.linalg.norm(points[inner, :2] - points[outer, :2], axis=1) for points in (basis.neutral, face))
    assert (opened > 0.93 * rest).all()
    assert (opened < 1.15 * rest).all()


@pytest.mark.parametrize("brow", ["browInnerUp", "browOuterUpLeft", "browOuterUpRight"])
def test_a_raised_brow_takes_the_eye_along(brow: str) -> None:
    """In the strongest frames of videos the eye opens under a raised brow, and the skin below it sinks."""
    delta = load_basis().deltas[BLENDSHAPE_INDEX[brow], :, 1]
    for side, upper_lid, below, outer_end in (("Left", 386, 450, 300), ("Right", 159, 230, 70)):
        if brow.endswith(("Left", "Right")) and not brow.endswith(side):
            continue
        assert delta[upper_lid] > 0
        assert delta[below] < 0
        assert delta[outer_end] > 0


def test_one_raised_brow_leaves_the_other_eye_alone() -> None:
    delta = load_basis().deltas[BLENDSHAPE_INDEX["browOuterUpLeft"], :, 1]
    assert abs(delta[[159, 145, 230, 70]]).max() < 0.1 * delta[[386, 300]].max()


def test_it_holds_the_blendshapes_in_order() -> None:
    basis = load_basis()
    assert basis.deltas.shape == (len(BLENDSHAPES), 478, 3)
    assert not basis.deltas[0].any()
