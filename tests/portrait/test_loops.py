"""The compiled loops against what OpenCV and NumPy say of the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.eyes import stretched
from visavis.portrait.loops.compiled import compiled
from visavis.portrait.loops.eye import Ball, Lids, lay_eye, sample, sample_cubic, skin_places
from visavis.portrait.loops.inverse import sources_of
from visavis.types import Float32

SIZE = 40


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Grain, RGB and alpha."""
    noise = np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, 4), np.uint8)
    return np.ascontiguousarray(cv2.GaussianBlur(noise, (5, 5), 0))


@pytest.mark.parametrize("beyond", [0, 6], ids=["within", "over the border"])
def test_pictures_are_sampled_as_opencv_samples_them(picture: NDArray[np.uint8], beyond: int) -> None:
    places = np.random.default_rng(4).uniform(-beyond, SIZE - 1 + beyond, (200, 2)).astype(np.float32)
    x, y = places[:, :1], places[:, 1:]
    rgb = np.ascontiguousarray(picture[:, :, :3])
    linear = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cubic = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    colour, colours = np.empty(4, np.float32), ([], [])  # type: ignore[var-annotated]
    for at_x, at_y in places.tolist():
        sample(rgb, at_x, at_y, colour)
        colours[0].append(colour[:3].copy())
        sample_cubic(picture, at_x, at_y, colour)
        colours[1].append(colour.copy())
    # OpenCV looks at places in steps of a thirty-second of a pixel.
    assert np.abs(np.array(colours[0]) - linear[:, 0]).max() < 4
    assert np.abs(np.array(colours[1]) - cubic[:, 0]).max() < 6


def test_sources_are_where_the_paint_came_from() -> None:
    y, x = np.mgrid[:60, :70].astype(np.float64)
    bump = 3.0 * np.exp(-((x - 35) ** 2 + (y - 30) ** 2) / 120)
    field = np.stack([bump, -0.7 * bump], axis=2).astype(np.float32)

    back = sources_of(field)

    source = np.stack([x, y], axis=2).astype(np.float32) + back
    moved = cv2.remap(field, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(moved + back).max() < 0.05
    assert np.abs(back).max() > 2


def test_a_fold_has_bounded_sources() -> None:
    """Paint that runs over itself has no inverse; what is found there stays near."""
    x = np.tile(np.arange(50, dtype=np.float32), (40, 1))
    field = np.stack([-12 * np.tanh((x - 25) / 3), np.zeros_like(x)], axis=2).astype(np.float32)

    back = sources_of(field)

    assert np.isfinite(back).all()
    assert np.abs(back).max() < 40


def lids_of(*, lowered: float = 0.0) -> Lids:
    """A level eye of 24 pixels, whose upper lid has come down by so many pixels in the middle."""
    bow = np.sin(np.linspace(0, np.pi, 65)).astype(np.float32)
    curves = np.stack([(lowered - 5) * bow, -5 * bow, -5 * bow - 8, 3 * bow, 3 * bow, 3 * bow + 9], axis=1)
    return Lids((8.0, 20.0), (1.0, 0.0), (0.0, 1.0), curves, 0.0, 64 / 24, 24.0, 1.0, 8.0, 1.25)


def places() -> Float32:
    """Every pixel's own."""
    x, y = np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32))
    return np.stack([x, y], axis=2)


def ball_of(picture: NDArray[np.uint8], *, light: float = 0.0) -> Ball:
    """A grey ball without an iris."""
    white = np.full((SIZE, SIZE, 3), 100, np.uint8)
    iris = np.zeros((SIZE, SIZE, 4), np.uint8)
    return Ball((0.0, 0.0), white, iris, picture[:, :, :3].copy(), (0.0, 0.0), (200.0, 200.0, 200.0), light)


def test_skin_stretches_as_the_rig_says() -> None:
    lids = lids_of(lowered=4)
    skin = skin_places(places(), lids)

    column, v = 20, np.arange(SIZE, dtype=np.float32) - 20
    curves = lids.curves[(column - 8) * 64 // 24]
    upper = v < (curves[0] + curves[3]) / 2
    wanted = stretched(v, curves[0], curves[1], curves[2]) + 20
    np.testing.assert_allclose(skin[upper, column, 1], wanted[upper], atol=1e-3)
    np.testing.assert_allclose(skin[~upper, column, 1], np.arange(SIZE)[~upper], atol=1e-5)
    np.testing.assert_array_equal(skin[:, :, 0], places()[:, :, 0])


def test_an_eye_is_laid_between_its_lids_alone(picture: NDArray[np.uint8]) -> None:
    paint = np.ascontiguousarray(picture[:, :, :3])
    drawn = paint.copy()

    lay_eye(drawn, places(), lids_of(), ball_of(picture))

    assert drawn[19, 20].tolist() == [100, 100, 100]
    changed = np.argwhere((drawn != paint).any(axis=2))
    assert changed.min(axis=0).tolist() >= [15, 8]
    assert changed.max(axis=0).tolist() <= [23, 32]


def test_light_comes_to_the_ball_and_goes(picture: NDArray[np.uint8]) -> None:
    lit, dim = (np.ascontiguousarray(picture[:, :, :3]) for _ in range(2))
    lay_eye(lit, places(), lids_of(), ball_of(picture, light=0.5))
    lay_eye(dim, places(), lids_of(), ball_of(picture, light=-0.5))
    assert lit[19, 20].tolist() == [150, 150, 150]
    assert dim[19, 20].tolist() == [50, 50, 50]


def test_a_lowered_lid_darkens_its_edge(picture: NDArray[np.uint8]) -> None:
    paint = np.full((SIZE, SIZE, 3), 160, np.uint8)
    lay_eye(paint, places(), lids_of(lowered=6), ball_of(picture))
    middle = paint[:, 20, 0].astype(int)
    edge = 20 + 1
    assert middle[edge - 1 : edge + 2].min() < 90
    assert middle[2] == 160


def test_other_threads_run_meanwhile() -> None:
    most = 500_000_000
    count_until_told(np.array([-1, 0, 2, 0]), most)  # compiles it
    letters = np.array([0, 0, 2, 0])
    with ThreadPoolExecutor(1) as pool:
        count = pool.submit(count_until_told, letters, most)
        while not letters[1]:  # until it has begun
            pass
        letters[0] = -1
        # Had it held the interpreter's lock, this thread would have come to its turn when all was counted.
        assert count.result() < most


@compiled
def count_until_told(letters: NDArray[np.int64], most: int) -> int:
    """Count, having said so in the second of four letters, until the first one is below zero.

    The third says which is written to, so that the compiler cannot take it for granted that the first stays.
    """
    letters[1] = 1
    for count in range(most):
        letters[letters[2] + 1] = count
        if letters[0] < 0:
            return count
    return most


def test_where_nothing_can_be_kept_it_is_compiled_anew() -> None:
    """A function without a file has no folder beside its source, as code on a read-only disk has none."""
    space: dict[str, object] = {}
    exec("def twice(x):\n    return 2 * x", space)
    assert compiled(space["twice"])(21) == 42  # type: ignore[type-var, operator]
