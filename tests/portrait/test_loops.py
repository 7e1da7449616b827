"""The compiled loops against what OpenCV and NumPy say of the same."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.eyes import LID_LOOK, stretched
from visavis.portrait.fields import Grid
from visavis.portrait.loops import inverse
from visavis.portrait.loops.compiled import compiled
from visavis.portrait.loops.eye import Ball, Lids, in_frame, lay_eye, sample, sample_cubic, skin_places
from visavis.portrait.loops.inverse import sources_of, unfolded
from visavis.portrait.movement import _NEAR, smoothing_shares
from visavis.types import Float32, Image

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


def least_area(field: NDArray[np.float32]) -> float:
    """Of all cells' corners, how much the one keeps that is pressed together most."""
    across, down = np.diff(field, axis=1)[:-1], np.diff(field, axis=0)[:, :-1]
    return float(((1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]).min())


FREE = np.ones((50, 60), np.float32)


def lip(height: float) -> NDArray[np.float32]:
    """A field that lifts a mound of nodes, and folds the more the higher it is."""
    row, column = np.mgrid[:50, :60].astype(np.float32)
    field = np.zeros((50, 60, 2), np.float32)
    field[..., 1] = -height * np.exp(-((column - 30) ** 2) / 90 - (row - 25) ** 2 / 18)
    return field


def test_paint_that_would_fold_is_spread_until_it_does_not() -> None:
    field = lip(9.0)
    assert least_area(field) < -0.7
    calm = unfolded(field, FREE)
    assert least_area(calm) > 0
    far = np.hypot(*np.mgrid[-25:25, -30:30]) > 20
    np.testing.assert_array_equal(calm[far], field[far])
    assert calm[..., 1].min() < 0.5 * field[..., 1].min()  # it still goes up


def test_paint_that_does_not_fold_moves_as_it_is_asked_to() -> None:
    field = lip(2.0)
    assert least_area(field) > 0.35
    np.testing.assert_array_equal(unfolded(field, FREE), field)


def test_where_parts_meet_paint_stays_as_it_is_even_in_a_fold() -> None:
    field = np.random.default_rng(0).normal(0, 3, (30, 40, 2)).astype(np.float32)
    shares = smoothing_shares(Grid(0, 0, 4, 40, 30), (slice(10, 18), slice(20, 30)))
    calm = unfolded(field, shares)
    np.testing.assert_array_equal(calm[shares == 0], field[shares == 0])
    assert (calm[shares > 0] != field[shares > 0]).mean() > 0.9
    ring = np.zeros((30, 40), bool)
    ring[9:19, 19:31] = True
    ring[12:16, 22:28] = False
    assert (shares[ring] == 0).all()
    assert (shares[[0, 1, -1, -2]] == 0).all()
    assert (shares[:, [0, 1, -1, -2]] == 0).all()
    assert (shares > 0).sum() == 26 * 36 - ring.sum()
    # The part by itself is smoothed as it is within the whole.
    alone = smoothing_shares(Grid(0, 0, 4, 10, 8))
    np.testing.assert_array_equal(shares[10:18, 20:30], alone)


def test_sources_of_a_fold_are_those_of_newton_with_bounded_steps() -> None:
    """Paint that runs over itself has no inverse: what is drawn there is what these very steps come to."""
    y, x = np.mgrid[:40, :50].astype(np.float32)
    pull = np.exp(-((x - 25) ** 2 + (y - 20) ** 2) / 90)
    field = np.stack([-1.3 * (x - 25) * pull, -1.1 * (y - 20) * pull], axis=2).astype(np.float32)

    np.testing.assert_allclose(sources_of(field), newton(field), atol=2e-3)


def newton(field: Float32) -> Float32:
    """The same by OpenCV and NumPy, for all nodes at once."""
    rows, columns, _ = field.shape
    x, y = np.meshgrid(np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64))
    u, v = np.moveaxis(field.astype(np.float64), 2, 0)
    (a, b), (c, d) = (
        [
            cv2.Sobel(part, cv2.CV_64F, *order, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
            for order in ((1, 0), (0, 1))
        ]
        for part in (u, v)
    )

    def at(part: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
        j, i = np.minimum(x.astype(int), columns - 2), np.minimum(y.astype(int), rows - 2)
        fx, fy = x - j, y - i
        upper, lower = (part[i + k, j] * (1 - fx) + part[i + k, j + 1] * fx for k in (0, 1))
        return np.asarray(upper * (1 - fy) + lower * fy)

    source_x, source_y, going = x - u, y - v, np.ones(x.shape, bool)
    for _ in range(10):
        slope_a, slope_b, slope_c, slope_d = (at(part, source_x, source_y) for part in (1 + a, b, c, 1 + d))
        miss_x, miss_y = x - source_x - at(u, source_x, source_y), y - source_y - at(v, source_x, source_y)
        scale = 1 / np.maximum(slope_a * slope_d - slope_b * slope_c, 0.25)
        step_x = np.clip((slope_d * miss_x - slope_b * miss_y) * scale, -2, 2)
        step_y = np.clip((slope_a * miss_y - slope_c * miss_x) * scale, -2, 2)
        source_x += np.where(going, step_x, 0)
        source_y += np.where(going, step_y, 0)
        going &= np.maximum(np.abs(step_x), np.abs(step_y)) > 0.02
    return np.stack([source_x - x, source_y - y], axis=2).astype(np.float32)


def lids_of(*, lowered: float = 0.0, raised: float = 0.0) -> Lids:
    """A level eye of 24 pixels, whose lids have come together by so many pixels in the middle."""
    bow = np.sin(np.linspace(0, np.pi, 65)).astype(np.float32)
    upper, lower = ((lowered - 5) * bow, -5 * bow, -5 * bow - 8), ((3 - raised) * bow, 3 * bow, 3 * bow + 9)
    curves = np.stack([*upper, *lower])
    return Lids((8.0, 20.0), (1.0, 0.0), (0.0, 1.0), curves, 0.0, 64 / 24, 24.0, 1.0, 8.0, 1.25, LID_LOOK)


def places() -> Float32:
    """Every pixel's own; a part of a larger array, as the renderer's are."""
    x, y = np.meshgrid(np.arange(-1, SIZE + 1, dtype=np.float32), np.arange(-1, SIZE + 1, dtype=np.float32))
    return np.stack([x, y], axis=2)[1:-1, 1:-1]


def ball_of(picture: NDArray[np.uint8], **parts: Any) -> Ball:
    """A grey ball without an iris, under a green lid."""
    lid = np.full((SIZE, SIZE, 3), (0, 160, 0), np.uint8)
    white, iris = np.full((SIZE, SIZE, 3), 100, np.uint8), np.zeros((SIZE, SIZE, 4), np.uint8)
    plain = Ball((0.0, 0.0), white, iris, lid, (0.0, 0.0), (200.0, 200.0, 200.0), 0.0)
    return plain._replace(**parts)


def lay(paint: Image, lids: Lids, ball: Ball) -> None:
    lay_eye(paint, places(), in_frame(places(), lids), lids, ball)


@pytest.mark.parametrize(("moved", "upper"), [({"lowered": 4}, True), ({"raised": 2}, False)])
def test_skin_stretches_as_the_rig_says(moved: dict[str, float], upper: bool) -> None:
    lids = lids_of(**moved)
    skin = skin_places(places(), in_frame(places(), lids), lids.down)

    column, v = 20, np.arange(SIZE, dtype=np.float32) - 20
    curves = lids.curves[:, (column - 8) * 64 // 24]
    moves = (v < (curves[0] + curves[3]) / 2) == upper
    edge, rest, end = curves[:3] if upper else curves[3:]
    np.testing.assert_allclose(skin[moves, column, 1], stretched(v, edge, rest, end)[moves] + 20, atol=1e-3)
    np.testing.assert_allclose(skin[~moves, column, 1], np.arange(SIZE)[~moves], atol=1e-5)
    np.testing.assert_array_equal(skin[:, :, 0], places()[:, :, 0])


def test_a_place_in_an_eyes_frame_is_read_off_its_curves() -> None:
    """Level, then on its side: beyond the corners the curves go on as they end."""
    curves = np.add.outer(100 * np.arange(6), np.arange(65)).astype(np.float32)
    level = lids_of()._replace(curves=curves)
    where = np.array([[[8, 20], [11, 24], [60, 20], [-9, 20]]], np.float32)
    frame = in_frame(where, level)
    assert frame.shape == (1, 8, 4)
    np.testing.assert_allclose(frame[0, 0], [0, 3, 52, -17])
    np.testing.assert_allclose(frame[0, 1], [0, 4, 0, 0])
    for which, curve in enumerate(frame[0, 2:]):
        np.testing.assert_allclose(curve, 100 * which + np.array([0, 8, 64, 0]), atol=1e-4)
    turned = in_frame(where, level._replace(axis=(0.0, 1.0), down=(-1.0, 0.0)))
    np.testing.assert_allclose(turned[0, :2], [[0, 4, 0, 0], [0, -3, -52, 17]])


def test_an_eye_is_laid_between_its_lids_alone(picture: NDArray[np.uint8]) -> None:
    paint = np.ascontiguousarray(picture[:, :, :3])
    drawn = paint.copy()

    lay(drawn, lids_of(), ball_of(picture))

    assert drawn[19, 20].tolist() == [100, 100, 100]
    changed = np.argwhere((drawn != paint).any(axis=2))
    assert (changed.min(axis=0) >= (15, 8)).all()
    assert (changed.max(axis=0) <= (23, 32)).all()


def test_the_iris_turns_on_the_ball(picture: NDArray[np.uint8]) -> None:
    """Pictures begin at their corner, and the iris is shifted on them."""
    iris = np.zeros((SIZE, SIZE, 4), np.uint8)
    iris[14:19, 14:19] = (10, 20, 30, 255)
    drawn = np.ascontiguousarray(picture[:, :, :3])
    lay(drawn, lids_of(), ball_of(picture, iris=iris, corner=(2.0, 3.0), shift=(3.0, -1.0)))
    assert drawn[16 + 3 - 1, 16 + 2 + 3].tolist() == [10, 20, 30]
    assert drawn[18, 16 + 2 - 2].tolist() == [100, 100, 100]


def test_light_comes_to_the_ball_and_goes_deep_between_the_lids(picture: NDArray[np.uint8]) -> None:
    lit, dim = (np.ascontiguousarray(picture[:, :, :3]) for _ in range(2))
    lay(lit, lids_of(), ball_of(picture, light=0.5))
    lay(dim, lids_of(), ball_of(picture, light=-0.5))
    assert lit[19, 20].tolist() == [150, 150, 150]
    assert dim[19, 20].tolist() == [50, 50, 50]
    # A lid shades what is next to it: 1.5 pixels below its edge is half of the depth to which it does.
    assert 120 < lit[16, 20, 0] < 135


def test_a_lowered_lid_darkens_its_edge_and_shades_the_ball(picture: NDArray[np.uint8]) -> None:
    paint = np.full((SIZE, SIZE, 3), 160, np.uint8)
    lay(paint, lids_of(lowered=3), ball_of(picture, lid=paint.copy()))
    middle, edge, lowered = paint[:, 20, 0].astype(int), 20 - 2, 3 / 8
    # Lashes hang just below the edge, darkest of all; above it the lid turns away from the light, less and less.
    assert edge <= middle[: edge + 2].argmin() <= edge + 1
    above = (np.arange(3, edge - 2) - edge) / 24
    turned = 160 * (1 - 0.22 * lowered * np.exp(-((above / 0.18) ** 2)))
    hanging = 1 - 0.8 * lowered * np.exp(-(((above - 0.01 - 0.05 * lowered**2) / 0.05) ** 2))
    np.testing.assert_allclose(middle[3 : edge - 2], turned * hanging, atol=1.5)
    # Two pixels below it, the ball has lost what the lid's shadow takes there.
    assert middle[edge + 2] == pytest.approx(100 * (1 - 0.55 * lowered * np.exp(-2 / (0.12 * 24))), abs=2)


def test_a_closing_lid_rolls_out_from_under_the_brow(picture: NDArray[np.uint8]) -> None:
    paint = np.full((SIZE, SIZE, 3), 160, np.uint8)
    lay(paint, lids_of(lowered=10, raised=-2), ball_of(picture))
    red, green, _ = paint[18, 20].tolist()
    assert red < 0.05 * green
    assert paint[4, 20].tolist() == [160, 160, 160]


def test_other_threads_run_meanwhile() -> None:
    most = 500_000_000
    count_until_told(np.array([-1, 0, 2, 0]), most)  # compiles it
    letters = np.array([0, 0, 2, 0])
    with ThreadPoolExecutor(1) as pool:
        count = pool.submit(count_until_told, letters, most)
        while not letters[1] and not count.done():  # until it has begun
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


@pytest.mark.parametrize("kept", ["*.nbi", "*.nbc"])
def test_a_damaged_file_of_what_was_kept_is_made_anew(kept: str, tmp_path: Path) -> None:
    """As a power cut leaves them: there, and empty."""
    code = "from twice import twice; print(twice(21))"
    (tmp_path / "twice.py").write_text(
        "from visavis.portrait.loops.compiled import compiled\n\n@compiled\ndef twice(x):\n    return 2 * x\n"
    )

    def run() -> list[Path]:
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == ("42", "")
        return sorted((tmp_path / "__pycache__").glob(kept))

    (file,) = run()
    file.write_bytes(b"")
    assert run() == [file]
    assert file.stat().st_size > 0


def test_a_full_disk_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(
        "from visavis.portrait.loops.compiled import compiled\n\n@compiled\ndef twice(x):\n    return 2 * x\n"
    )
    code = (
        "import resource, signal\nfrom twice import twice\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\nprint(twice(21), flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "42"


def test_the_page_inverts_by_the_same_numbers() -> None:
    """Parity alone would forgive a small difference; a portrait drawn by both would not be the same one."""
    web = resources.files("visavis.stage") / "web"
    shaders, drawing = ((web / name).read_text("utf-8") for name in ("shaders.js", "portrait.js"))
    for line in (
        f"round < {inverse._STEPS}; round++",
        f"max(a * d - b * c, {inverse._LEAST_DETERMINANT})",
        f"-{inverse._LONGEST_STEP}, {inverse._LONGEST_STEP})",
        f"<= {inverse._ARRIVED:.3g}) break",
        f"clamp(1.0 - least / {inverse._MOST_PRESSED:.3g}, 0.0, 1.0)",
        f"float(away) / {_NEAR}.0",
    ):
        assert line in shaders
    assert f"UNFOLDING_ROUNDS = {inverse._ROUNDS};" in drawing
