"""Presence and ids over the shared clips; `benchmarks/faces_tracks.py` takes every frame of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from visavis.assets import AssetStore
from visavis.faces import FaceFinder, Landmarker, Tracker
from visavis.sources import open_source
from visavis.types import Face

pytestmark = pytest.mark.shared

ONE_PERSON = (
    *(f"liveportrait_d{number}" for number in (0, 3, 6, 9, 10, 11, 12, 14, 18, 19, 20)),
    "liveportrait_s13",
    "lrs3_0Fi83BHQsMA_00002",
    "lrs3_QoT0S2vu9m4_00002",
    "pyfeat_single_face",
    "tpsmm_driving",
)


def followed(
    path: Path, assets: AssetStore, *, every: int, finder: FaceFinder | None = None
) -> Iterator[tuple[float, tuple[Face, ...]]]:
    """Times and numbered faces, as the live loop has them; `finder` looks where the landmarker sees nobody."""
    tracker = Tracker()
    with Landmarker(assets, mode="video", max_faces=3) as landmarker, open_source(path) as source:
        for frame in source:
            if frame.index % every == 0:
                seen = landmarker.detect(frame.image, frame.time_s)
                if not seen and finder is not None:
                    seen = finder.find(frame.image)
                yield frame.time_s, tracker.update(seen, frame.time_s)


@pytest.mark.parametrize("name", ONE_PERSON)
def test_one_person_has_one_number_from_start_to_end(shared: Path, assets: AssetStore, name: str) -> None:
    far_away = name == "liveportrait_s13"  # a face of 70 pixels in a picture of 960
    numbers, last_s = set(), 0.0
    with FaceFinder(assets) as finder:
        for time_s, faces in followed(
            shared / "data" / "clips" / f"{name}.mp4",
            assets,
            every=34 if far_away else 9,
            finder=finder if far_away else None,
        ):
            assert len(faces) <= 1
            if faces:
                assert time_s - last_s < 2  # nobody leaves in these
                last_s = time_s
            numbers |= {face.track_id for face in faces}
    assert numbers == {0}


@pytest.mark.parametrize(("name", "leaves_s"), [("pyfeat_face_noface", 2.4), ("pyfeat_no_face", 0.0)])
def test_presence_is_right_but_for_the_moment_of_change(
    shared: Path, assets: AssetStore, name: str, leaves_s: float
) -> None:
    right = judged = 0
    numbers = set()
    for time_s, faces in followed(shared / "data" / "clips" / f"{name}.mp4", assets, every=1):
        numbers |= {face.track_id for face in faces}
        if leaves_s == 0 or abs(time_s - leaves_s) > 0.5:
            judged += 1
            right += bool(faces) == (time_s < leaves_s)
    assert right >= 0.98 * judged
    assert len(numbers) == (1 if leaves_s else 0)
