"""Who is followed through a driver's film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.films import noise, write_video

import visavis.reading
from visavis.assets import AssetStore
from visavis.errors import InputError
from visavis.portrait.driver import check_driver, read_driver
from visavis.types import Expression, Face, Frame, Reading

#: Who is seen in a film: the size of each face, and how far its mouth is open.
LEAD, OTHER = (100, 0.8), (50, 0.3)


def mouths(
    monkeypatch: pytest.MonkeyPatch, assets: AssetStore, path: Path, seen: Sequence[dict[int, tuple[int, float]]]
) -> list[float]:
    """What is played of a film at ten frames a second in which these faces, by their track, are seen."""
    frames = iter(seen)

    class Reader:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self) -> Reader:
            return self

        def __exit__(self, *_: object) -> None: ...

        def read_frame(self, _: Frame) -> tuple[Reading, ...]:
            return tuple(
                Reading(
                    Face(
                        np.array([0, 0, size, size], np.float32),
                        blendshapes=Expression.from_mapping({"jawOpen": opened}).weights,
                        track_id=track,
                    ),
                    Expression(),
                )
                for track, (size, opened) in next(frames).items()
            )

    monkeypatch.setattr(visavis.reading, "Reader", Reader)
    film = write_video(path / "film.mp4", noise(len(seen)), rate=10)
    played = read_driver(film, assets=assets, from_rest=False).expressions
    return [expression["jawOpen"] for expression in played if expression is not None]


def test_who_is_missed_in_one_frame_is_followed_on(
    monkeypatch: pytest.MonkeyPatch, assets: AssetStore, tmp_path: Path
) -> None:
    both = {3: LEAD, 4: OTHER}
    values = mouths(monkeypatch, assets, tmp_path, [both, both, {4: OTHER}, both, both, both])
    assert len(values) == 6
    assert min(values) > 0.75


def test_another_leads_when_the_lead_has_been_gone_for_longer_than_an_absence(
    monkeypatch: pytest.MonkeyPatch, assets: AssetStore, tmp_path: Path
) -> None:
    values = mouths(
        monkeypatch, assets, tmp_path, [{3: LEAD, 4: OTHER}] * 5 + [{4: OTHER}] * 20 + [{3: LEAD, 4: OTHER}] * 5
    )
    assert len(values) == 30
    assert values[4] == pytest.approx(0.8, abs=0.05)
    assert values[13] < 0.1  # nobody is followed, and what was played fades
    assert values[24] == pytest.approx(0.3, abs=0.05)
    assert values[29] == pytest.approx(0.3, abs=0.05)  # who leads now is followed on in turn


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "gif"])
@pytest.mark.parametrize("name", ["still.{}", "looks-like-a-film.mp4"])
def test_a_picture_drives_nothing(tmp_path: Path, suffix: str, name: str) -> None:
    picture = tmp_path / name.format(suffix)
    Pillow.fromarray(noise(1)[0]).save(picture, format={"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix))
    with pytest.raises(InputError, match="is a picture, whose face does not move; give a film of a person"):
        check_driver(picture)


def test_films_and_animations_may_drive(tmp_path: Path) -> None:
    animation = tmp_path / "moving.gif"
    frames = [Pillow.fromarray(image) for image in noise(3)]
    frames[0].save(animation, save_all=True, append_images=frames[1:])
    for film in (animation, write_video(tmp_path / "film.mp4", noise(2))):
        check_driver(film)


def test_a_film_of_one_frame_is_a_picture(monkeypatch: pytest.MonkeyPatch, assets: AssetStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a picture"):
        mouths(monkeypatch, assets, tmp_path, [{1: LEAD}])
