"""Mirrored faces: does a portrait that is driven by a film move as far as the person in it, and look like it?

    python benchmarks/portrait_mirror.py [--shared FOLDER] [--portraits NAME,...] [--every 12]

Each portrait is driven by each face video of `data/clips`, once by the scores as they are read and once by
`retargeted`. Told are

- how far the farthest point of a frame goes, in ends of the human range (1 is as far as the same point of the people
  went in 99 of 100 frames, counted from rest), with the same figure of the people in these very frames;
- what the landmarker reads off the portraits, beside what it read off the people: correlation and slope.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.faces import Landmarker
from visavis.portrait.basis import load_basis
from visavis.portrait.driver import steadied
from visavis.portrait.gallery import open_portrait
from visavis.portrait.passage import Timeline, relative_to_rest
from visavis.portrait.render import MeshRenderer
from visavis.portrait.score.motion import carried, freed_of_pose
from visavis.portrait.score.reach import find_window
from visavis.portrait.topology import MESH_POINTS
from visavis.reading.expression import to_expression
from visavis.reading.retarget import retargeted
from visavis.sources import open_source
from visavis.types import BLENDSHAPE_INDEX, Expression, Face, Float32

Array = NDArray[np.float64]

PORTRAITS: Final = (
    "mona-lisa,la-velata,ginevra-de-benci,girl-with-a-pearl-earring,portrait-of-a-young-man,self-portrait-105130"
)
WAYS: Final[dict[str, Callable[[Expression], Expression]]] = {"as read": lambda item: item, "retargeted": retargeted}
SHAPES: Final = "browInnerUp browOuterUp browDown eyeBlink eyeSquint jawOpen mouthSmile mouthPucker mouthLowerDown"
FEWEST_FRAMES: Final = 10
#: A score that somebody surely has.
CLEAR: Final = 0.3


@dataclass(frozen=True)
class Film:
    """What one person did.

    Attributes:
        scores: (frames, 52), what was read.
        played: for each way, what a portrait is to play.
        farthest: the farthest point of each frame, in ends of the range.
    """

    scores: Array
    played: dict[str, list[Expression]]
    farthest: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("VISAVIS_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--portraits", default=PORTRAITS)
    parser.add_argument("--every", type=int, default=12, help="look at one frame in so many")
    options = parser.parse_args()
    clips = sorted((options.shared / "data" / "clips").glob("*.mp4"))
    if not clips:
        parser.error(f"no videos in {options.shared / 'data' / 'clips'}; tell by --shared where they are")
    with ProcessPoolExecutor() as pool:
        films = [film for film in pool.map(partial(watch, every=options.every), clips) if film is not None]
        played = list(pool.map(partial(mirror, films), options.portraits.split(",")))
    if not films:
        parser.error("hardly anybody is seen in the videos; give others, or look at more frames with --every")
    print(f"{len(films)} people, {len(played)} portraits; the farthest point of a frame:")
    line("living", [far for film in films for far in film.farthest])
    for way in WAYS:
        line(way, [far for rows in played for far in rows[way][0]])
    print(f"\n{'read off portraits':<20}{'frames':>7}" + "".join(f"{way:>22}" for way in WAYS))
    for shape in SHAPES.split():
        members = [index for name, index in BLENDSHAPE_INDEX.items() if name in sides(shape)]
        told = ""
        for way in WAYS:
            asked, seen = (np.concatenate([rows[way][kind] for rows in played])[:, members].mean(1) for kind in (1, 2))
            told += f"{np.corrcoef(asked, seen)[0, 1]:>10.2f}, slope {np.polyfit(asked, seen, 1)[0]:.2f}"
        print(f"{shape:<20}{int((asked > CLEAR).sum()):>7}{told}")


def sides(shape: str) -> tuple[str, ...]:
    return shape, f"{shape}Left", f"{shape}Right"


def line(label: str, farthest: list[float]) -> None:
    values = np.array(farthest)
    middle, most, end = np.percentile(values, [50, 90, 99])
    over = f"{(values > 1).mean():.0%} beyond 1, {(values > 1.6).mean():.0%} beyond 1.6"
    print(f"{label:<12} median {middle:.2f}, nine of ten within {most:.2f}, 99 of a hundred within {end:.2f}; {over}")


def watch(clip: Path, *, every: int) -> Film | None:
    """What the person of a video does; None where hardly anybody is seen."""
    basis = load_basis()
    with Landmarker(AssetStore(), mode="image") as landmarker, open_source(str(clip)) as source:
        looked = (frame for frame in source if frame.index % every == 0)
        seen = [(frame.time_s, found[0]) for frame in looked if (found := landmarker.detect(frame.image))]
    if len(seen) < FEWEST_FRAMES:
        return None
    times, read = tuple(time_s for time_s, _ in seen), [to_expression(face) for _, face in seen]
    played = {}
    for way, carry in WAYS.items():
        driven = relative_to_rest(steadied(Timeline(times, tuple(read))))
        played[way] = [replace(carry(item), sway=item.sway * 0) for item in driven.expressions if item is not None]
    freed = np.stack([freed_of_pose(marks_of(face), basis)[:MESH_POINTS, :2] for _, face in seen])
    rest = freed[int(np.argmin([item.weights.sum() for item in played["as read"]]))]
    ratios = np.linalg.norm(freed - rest, axis=2) / (basis.reach[:MESH_POINTS] * basis.width)
    scores = np.stack([item.weights for item in played["as read"]]).astype(np.float64)
    return Film(scores, played, ratios.max(axis=1).tolist())


def marks_of(face: Face) -> Float32:
    assert face.landmarks is not None
    return face.landmarks


def mirror(films: list[Film], name: str) -> dict[str, tuple[list[float], Array, Array]]:
    """For each way: the farthest points, and the scores that were asked for and that were seen, (frames, 52) both."""
    rig = open_portrait(name, assets=AssetStore()).rig
    renderer, reach = MeshRenderer(rig), load_basis().reach[:MESH_POINTS].astype(np.float64) * rig.face_width
    rows = {}
    with Landmarker(AssetStore(), mode="image") as landmarker:

        def read(image: NDArray[np.uint8]) -> Float32 | None:
            found = landmarker.detect(image)
            return found[0].landmarks if found else None

        framed = find_window(rig.painting, rig.landmarks, read)
        if framed is None:
            raise SystemExit(f"the landmarker does not see {name}; choose another of --portraits")
        window = framed[0]
        rest = scores_of(landmarker.detect(window.cut(rig.painting))[0])
        for way in WAYS:
            far, seen = [], []
            for played in (item for film in films for item in film.played[way]):
                far.append(float((np.linalg.norm(carried(rig, played), axis=1) / reach).max()))
                found = landmarker.detect(window.cut(renderer.render(played)))
                seen.append(scores_of(found[0]) - rest if found else np.full(len(rest), np.nan))
            rows[way] = (far, np.stack(seen))
    # Ways are compared over the same frames: those in which a face is seen whichever is played.
    asked = np.concatenate([film.scores for film in films])
    everywhere = np.all([np.isfinite(seen).all(axis=1) for _, seen in rows.values()], axis=0)
    return {way: (far, asked[everywhere], seen[everywhere]) for way, (far, seen) in rows.items()}


def scores_of(face: Face) -> Array:
    assert face.blendshapes is not None
    return face.blendshapes.astype(np.float64)


if __name__ == "__main__":
    main()
