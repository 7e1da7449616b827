"""Animated GIFs: whatever is stored of a frame, what is seen is the whole of it, for its own time, in little room."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from visavis.gif import Animation
from visavis.types import Image


def paint(height: int = 96, width: int = 120) -> Image:
    """Smooth paint with grain, which does not compress."""
    y, x = np.mgrid[0:height, 0:width]
    grain = np.random.default_rng(0).integers(-12, 13, (height, width, 3))
    return np.clip(np.stack([60 + x, 80 + y, 200 - x], axis=2) + grain, 0, 255).astype(np.uint8)


def blinking(count: int = 8) -> list[Image]:
    """Paint of which a small patch changes, in every frame but one."""
    frames = []
    for index in range(count):
        left = 10 * (index - (index == 4))
        frames.append(paint())
        frames[-1][30:40, 50:70] = frames[-1][60:70, left : left + 20]
    return frames


def within(frames: list[Image], centres: list[int]) -> list[Image]:
    """The frames within a disc whose middle moves along a row."""
    rows, columns = np.mgrid[: frames[0].shape[0], : frames[0].shape[1]]
    discs = [np.hypot(rows - 48, columns - centre) < 40 for centre in centres]
    return [np.dstack([frame, disc * np.uint8(255)]) for frame, disc in zip(frames, discs, strict=True)]


def write(path: Path, frames: list[Image]) -> Path:
    animation = Animation(path, Fraction(10))
    for frame in frames:
        animation.write(frame)
    animation.close(finish=True)
    return path


def seen(path: Path) -> list[Image]:
    """What Pillow shows at each tenth of a second, RGBA."""
    shown = []
    with Pillow.open(path) as animation:
        for index in range(animation.n_frames):  # type: ignore[attr-defined]
            animation.seek(index)
            shown += [np.asarray(animation.convert("RGBA"))] * (animation.info["duration"] // 100)
    return shown


FILMS = {
    "opaque": blinking(),
    "still edge": within(blinking(), [60] * 8),
    "moving edge": within(blinking(), [60, 60, 55, 50, 50, 60, 70, 70]),
    "comes and goes": within(blinking(), [60, 60, 500, 500, 60, 60, 500, 60]),
}


@pytest.mark.parametrize("kind", FILMS)
def test_every_frame_is_seen_whole(tmp_path: Path, kind: str) -> None:
    frames = FILMS[kind]
    path = write(tmp_path / "a.gif", frames)
    shown = seen(path)
    assert len(shown) == len(frames)
    for frame, picture in zip(frames, shown, strict=True):
        opaque = np.full(frame.shape[:2], 255) if frame.shape[2] == 3 else frame[:, :, 3]
        np.testing.assert_array_equal(picture[:, :, 3], opaque)
        assert np.abs(picture.astype(int)[:, :, :3] - frame[:, :, :3])[opaque > 0].sum() / frame.size < 8
    # Paint that stays as it is does not flicker, though it is stored once or anew.
    always = np.all([picture[:, :, 3] > 0 for picture in shown], axis=0)
    always[30:40, 50:70] = False
    for picture in shown:
        np.testing.assert_array_equal(picture[always], shown[0][always])


@pytest.mark.parametrize("kind", FILMS)
def test_other_players_see_the_same(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "a.gif", FILMS[kind])
    with av.open(str(path)) as container:
        played = {frame.pts: frame.to_ndarray(format="rgba") for frame in container.decode(video=0)}
    shown = seen(path)
    assert len(played) > 5
    for hundredths, one in played.items():
        assert hundredths is not None
        other = shown[hundredths // 10]
        np.testing.assert_array_equal(one[:, :, 3], other[:, :, 3])
        np.testing.assert_array_equal(one[one[:, :, 3] > 0], other[other[:, :, 3] > 0])


def test_a_frame_holds_what_changes_also_where_it_is_seen_through(tmp_path: Path) -> None:
    sizes = {}
    for kind in ("opaque", "still edge"):
        one = write(tmp_path / "one.gif", FILMS[kind][:1]).stat().st_size
        sizes[kind] = write(tmp_path / "all.gif", FILMS[kind]).stat().st_size / one
    assert sizes["opaque"] < 1.3
    assert sizes["still edge"] < 1.3


def test_a_film_begins_anew_on_nothing(tmp_path: Path) -> None:
    """Players differ in whether they clear the picture before the first frame comes again."""
    with Pillow.open(write(tmp_path / "a.gif", FILMS["moving edge"])) as animation:
        animation.seek(animation.n_frames - 1)  # type: ignore[attr-defined]
        assert animation.disposal_method == 2  # type: ignore[attr-defined]
        x0, y0, x1, y1 = animation.dispose_extent  # type: ignore[attr-defined]
    clear = np.ones((96, 120), bool)
    clear[y0:y1, x0:x1] = False
    assert not FILMS["moving edge"][-1][clear, 3].any()


def test_an_opaque_film_announces_no_transparency_at_first(tmp_path: Path) -> None:
    flat = [np.full((20, 20, 3), value, np.uint8) for value in (10, 10, 200)]
    with Pillow.open(write(tmp_path / "a.gif", flat)) as animation:
        assert not animation.has_transparency_data
        assert animation.info["loop"] == 0
