"""A motion takes back what its antagonists were painted doing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.portrait.antagonists import TAKES_BACK, painted_doing, take_back
from visavis.portrait.basis import load_basis
from visavis.portrait.check import check_rig
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.motions import motion_weights
from visavis.portrait.movement import Movement
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig, make_rig
from visavis.portrait.score.motion import carried
from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Expression, Float32

#: The inner ends of the brows, of the subject's right and left.
BROWS = (107, 336)
#: The corners of the mouth, of the subject's right and left.
CORNERS = (61, 291)


def painted(**scores: float) -> Float32:
    """What was read in a painting; a name without its side stands for both."""
    read = np.zeros(len(BLENDSHAPES), np.float32)
    for name, score in scores.items():
        for side in ("", "Left", "Right"):
            if name + side in BLENDSHAPE_INDEX:
                read[BLENDSHAPE_INDEX[name + side]] = score
    return read


def own_motions() -> np.ndarray:
    """The blendshapes on the canonical face, (52, 478, 2)."""
    return load_basis().deltas[:, :, :2].astype(np.float64)


def rig_of(portrait: OpenPortrait, read: Float32 | None) -> Rig:
    """The same painting, as if that had been read in it."""
    return make_rig(portrait.image, replace(portrait.face, blendshapes=read))


def test_a_face_at_rest_and_one_that_was_not_read_keep_their_motions() -> None:
    moved = own_motions()
    np.testing.assert_array_equal(take_back(moved, None, load_basis()), moved)
    np.testing.assert_array_equal(take_back(moved, painted(), load_basis()), moved)


def test_every_antagonist_is_a_blendshape_and_is_felt_by_its_motion_alone() -> None:
    moved = own_motions()
    known = {name.removesuffix("Left").removesuffix("Right") for name in BLENDSHAPES}
    assert {*TAKES_BACK, *(name for names in TAKES_BACK.values() for name in names)} <= known
    for other in known:
        changed = np.abs(take_back(moved, painted(**{other: 1.0}), load_basis()) - moved).max(axis=(1, 2)) > 0
        felt = {
            name.removesuffix("Left").removesuffix("Right")
            for name, differs in zip(BLENDSHAPES, changed, strict=True)
            if differs
        }
        assert felt == {motion for motion, others in TAKES_BACK.items() if other in others}


def test_each_side_takes_back_its_own() -> None:
    moved, brow = own_motions(), BLENDSHAPE_INDEX["browDownLeft"]
    lowered = take_back(moved, painted(browInnerUp=0.8), load_basis())[brow]
    right, left = (lowered[point, 1] - moved[brow, point, 1] for point in BROWS)
    assert left < -0.1
    assert abs(right) < 0.05 * abs(left)


@pytest.mark.parametrize(
    ("asked", "read", "points", "downwards"),
    [
        ("browDown", "browInnerUp", BROWS, 1),
        ("browInnerUp", "browDown", BROWS, -1),
        ("mouthFrown", "mouthSmile", CORNERS, 1),
    ],
)
def test_a_sitter_painted_doing_the_contrary_moves_further(
    small_head: OpenPortrait, asked: str, read: str, points: tuple[int, int], downwards: int
) -> None:
    ask = Expression(painted(**{asked: 1.0}))
    calm, contrary = (
        carried(rig_of(small_head, painted(**{read: score})), ask)[list(points), 1].mean() for score in (0.0, 0.6)
    )
    assert downwards * calm > 0
    assert downwards * contrary > 1.15 * downwards * calm


def test_a_painted_pout_gives_way_to_a_smile_and_rest_stays_the_painting(small_head: OpenPortrait) -> None:
    smile = Expression(painted(mouthSmile=1.0))
    calm, pouting = (rig_of(small_head, painted(mouthPucker=score)) for score in (0.0, 0.8))
    wide = [float(np.subtract(*carried(rig, smile)[list(CORNERS), 0][::-1])) for rig in (calm, pouting)]
    assert wide[1] > 1.1 * wide[0]
    np.testing.assert_array_equal(MeshRenderer(pouting).render(Expression()), small_head.image)
    blink = motion_weights(Expression(painted(eyeBlink=1.0)))
    np.testing.assert_array_equal(Movement(pouting).face(blink), Movement(calm).face(blink))


def test_a_check_tells_what_the_sitter_was_painted_doing(small_head: OpenPortrait) -> None:
    read = painted(mouthSmile=0.7, browInnerUp=0.9, browDown=0.1, jawOpen=0.8)
    report = check_rig(small_head.rig, replace(small_head.face, blendshapes=read))
    assert list(report.painted) == ["browInnerUp", "mouthSmile"]
    assert report.painted["mouthSmile"] == pytest.approx(0.7)
    assert painted_doing(None) == {}


def test_a_smile_that_is_painted_is_not_doubled(small_head: OpenPortrait) -> None:
    smile = Expression(painted(mouthSmile=1.0))
    calm, smiling = (
        carried(rig_of(small_head, painted(mouthSmile=score)), smile)[list(CORNERS)] for score in (0.0, 0.9)
    )
    assert np.linalg.norm(smiling) == pytest.approx(0.37 * np.linalg.norm(calm), rel=0.1)
