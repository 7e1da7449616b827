"""What every renderer of portraits must keep: rest is the painting, the background is left alone, more weight is more.

A renderer of another kind is held to the same by adding its factory to `RENDERERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import pytest

from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.presets import emotion_preset, emotion_presets
from visavis.portrait.render import MeshRenderer, PortraitRenderer
from visavis.portrait.rig import Rig
from visavis.portrait.topology import MESH_POINTS
from visavis.types import BLENDSHAPES, EMOTIONS, Expression, Image

RENDERERS: Final[dict[str, Callable[[Rig], PortraitRenderer]]] = {"mesh": MeshRenderer}
MOVING: Final = tuple(name for name in BLENDSHAPES if name != "_neutral")
# Pixels farther than this from the face never change, in face widths.
REACH: Final = 0.35


@pytest.fixture(params=RENDERERS, scope="module")
def portrait_renderer(request: pytest.FixtureRequest, madonna: OpenPortrait) -> PortraitRenderer:
    return RENDERERS[request.param](madonna.rig)


@pytest.fixture(scope="module")
def far(madonna: OpenPortrait) -> np.ndarray:
    """Which pixels lie far from the face, (H, W) bool."""
    hull = cv2.convexHull(madonna.rig.landmarks[:MESH_POINTS]).round().astype(np.int32)
    near = np.ones(madonna.image.shape[:2], np.uint8)
    cv2.fillConvexPoly(near, hull, 0)
    distance = cv2.distanceTransform(near, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance > REACH * madonna.rig.face_width)


def in_face(image: Image, madonna: OpenPortrait) -> np.ndarray:
    x0, y0, x1, y1 = madonna.rig.grid.box
    return image[y0:y1, x0:x1].astype(np.float64)


def difference(image: Image, madonna: OpenPortrait) -> float:
    return float(np.abs(in_face(image, madonna) - in_face(madonna.image, madonna)).mean())


def test_it_is_a_portrait_renderer(portrait_renderer: PortraitRenderer) -> None:
    assert isinstance(portrait_renderer, PortraitRenderer)


@pytest.mark.parametrize(
    "rest", [Expression(), Expression.from_mapping({"_neutral": 1.0}), emotion_preset("joy", 0.0)], ids=str
)
def test_rest_gives_back_the_painting_bit_for_bit(
    portrait_renderer: PortraitRenderer, madonna: OpenPortrait, rest: Expression
) -> None:
    np.testing.assert_array_equal(portrait_renderer.render(rest), madonna.image)


def test_what_is_rendered_belongs_to_the_caller(portrait_renderer: PortraitRenderer, madonna: OpenPortrait) -> None:
    portrait_renderer.render(Expression())[:] = 0
    portrait_renderer.render(emotion_preset("joy"))[:] = 0
    np.testing.assert_array_equal(portrait_renderer.render(Expression()), madonna.image)


@pytest.mark.parametrize("label", [label for label in EMOTIONS if label != "neutral"])
def test_an_emotion_changes_the_face_and_leaves_the_background(
    portrait_renderer: PortraitRenderer, madonna: OpenPortrait, far: np.ndarray, label: str
) -> None:
    image = portrait_renderer.render(emotion_preset(label))
    assert image.shape == madonna.image.shape
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[far], madonna.image[far])
    assert difference(image, madonna) > 0.8


def test_even_everything_at_once_leaves_the_background(
    portrait_renderer: PortraitRenderer, madonna: OpenPortrait, far: np.ndarray
) -> None:
    most = Expression(np.ones(52, np.float32), np.ones(2, np.float32), np.array([25, -25, 25], np.float32))
    image = portrait_renderer.render(most)
    np.testing.assert_array_equal(image[far], madonna.image[far])


def test_it_is_deterministic(portrait_renderer: PortraitRenderer) -> None:
    first = portrait_renderer.render(emotion_preset("surprise"))
    portrait_renderer.render(emotion_preset("anger"))
    np.testing.assert_array_equal(portrait_renderer.render(emotion_preset("surprise")), first)


@pytest.mark.parametrize("name", MOVING)
def test_every_blendshape_can_be_seen(portrait_renderer: PortraitRenderer, madonna: OpenPortrait, name: str) -> None:
    image = portrait_renderer.render(Expression.from_mapping({name: 1.0}))
    change = np.abs(in_face(image, madonna) - in_face(madonna.image, madonna)).max(axis=2)
    # Of her lowered right eye, on the far side of the face, some sixty pixels of iris are all there is to turn.
    assert np.count_nonzero(change > 4) > 40


@pytest.mark.parametrize(
    "names",
    [
        ("mouthSmileLeft", "mouthSmileRight"),
        ("jawOpen",),
        ("browInnerUp",),
        ("browDownLeft", "browDownRight"),
        ("eyeBlinkLeft", "eyeBlinkRight"),
        ("mouthFrownLeft", "mouthFrownRight"),
        ("mouthPucker",),
        ("noseSneerLeft", "noseSneerRight"),
    ],
    ids=lambda names: names[0],
)
def test_more_weight_moves_more(
    portrait_renderer: PortraitRenderer, madonna: OpenPortrait, names: tuple[str, ...]
) -> None:
    amounts = [
        difference(portrait_renderer.render(Expression.from_mapping(dict.fromkeys(names, weight))), madonna)
        for weight in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert amounts[0] == 0
    assert all(later > earlier for earlier, later in pairwise(amounts)), amounts


def test_a_ramp_of_half_a_second_never_jumps(portrait_renderer: PortraitRenderer, madonna: OpenPortrait) -> None:
    for label in ("joy", "surprise"):
        frames = [in_face(portrait_renderer.render(emotion_preset(label, step / 12)), madonna) for step in range(13)]
        jumps = [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(frames)]
        assert max(jumps) < 12, (label, jumps)


def test_the_eyes_leave_the_painters_own_without_a_jump(
    portrait_renderer: PortraitRenderer, madonna: OpenPortrait
) -> None:
    """The first steps of gaze and lids change no more than those after them."""
    for ramp in (
        [Expression.from_mapping({}, gaze=(step / 100, 0)) for step in range(25)],
        [Expression.from_mapping({"eyeBlinkLeft": step / 100}) for step in range(25)],
    ):
        frames = [in_face(portrait_renderer.render(expression), madonna) for expression in ramp]
        np.testing.assert_array_equal(frames[0], in_face(madonna.image, madonna))
        jumps = [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(frames)]
        assert max(jumps) < 6 * np.median(jumps), jumps


def test_random_expressions_are_drawn(portrait_renderer: PortraitRenderer, madonna: OpenPortrait) -> None:
    random = np.random.default_rng(7)
    for _ in range(6):
        weights = (random.random(52) * (random.random(52) < 0.4)).astype(np.float32)
        gaze = random.uniform(-1, 1, 2).astype(np.float32)
        image = portrait_renderer.render(Expression(weights, gaze, random.normal(0, 6, 3).astype(np.float32)))
        assert image.shape == madonna.image.shape


def test_the_paint_keeps_its_texture(portrait_renderer: PortraitRenderer, madonna: OpenPortrait) -> None:
    """Variance of the Laplacian over the cheeks and forehead, which no lip or lid uncovers."""

    def energy(image: Image) -> float:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
        hull = cv2.convexHull(madonna.rig.landmarks[:MESH_POINTS]).round().astype(np.int32)
        mask = np.zeros(grey.shape, np.uint8)
        cv2.fillConvexPoly(mask, hull, 1)
        return float(cv2.Laplacian(grey, cv2.CV_64F)[mask > 0].var())

    rest = energy(madonna.image)
    ratios = {
        label: energy(portrait_renderer.render(expression)) / rest
        for label, expression in emotion_presets().items()
        if label != "neutral"
    }
    assert all(0.7 < ratio < 1.4 for ratio in ratios.values()), ratios
