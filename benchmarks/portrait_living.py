"""Living faces as portraits: what a rig of somebody at rest reaches, beside what the same person does.

    python benchmarks/portrait_living.py [--shared FOLDER] [--every 2] [--rise 0.25]

Each face video of `data/clips` gives two pictures a blendshape: the frame in which the face does least, which is rigged
like a painting, and the frame whose score is highest. The landmarker reads the blendshape off the rig at full weight
and off the person; both are counted from the face at rest. People whose score never rises by `--rise` do not do it, and
do not count. No painter, style or varnish stands between: what is lost here is lost by the rig.

Geometry is told as well, off the landmarks in both pictures: how wide the mouth is drawn by a pucker, how far a wide
eye opens and a closed one shuts, as shares of the same at rest.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import VisavisError
from visavis.faces import Landmarker
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import make_rig
from visavis.portrait.score.reach import SHAPES
from visavis.portrait.topology import EYES, LIP_OUTER_UPPER
from visavis.sources import open_source
from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Expression, Face, Float32, Image

#: Gaze and lids come and go with the eyes; they do not make a frame one of rest or of acting.
ACTED = [index for index, name in enumerate(BLENDSHAPES) if not name.startswith(("_", "eyeLook", "eyeBlink"))]
FEWEST_FRAMES = 30


@dataclass(frozen=True)
class Pair:
    """One blendshape of one person: scores at rest, at their strongest and of the rig, and one length in each."""

    shape: str
    clip: str
    rest: float
    living: float
    rigged: float
    lengths: tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("VISAVIS_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--every", type=int, default=2, help="look at one frame in so many")
    parser.add_argument("--rise", type=float, default=0.25, help="of a score, from which on somebody does it")
    parser.add_argument("--clips", action="store_true", help="print every person's figures too")
    options = parser.parse_args()
    clips = sorted((options.shared / "data" / "clips").glob("*.mp4"))
    if not clips:
        parser.error(f"no videos in {options.shared / 'data' / 'clips'}; tell by --shared where they are")
    with ProcessPoolExecutor() as pool:
        found = pool.map(partial(compare, every=options.every), clips)
        pairs = [pair for person in found for pair in person]
    print(f"{'blendshape':<14}{'people':>7}{'living':>8}{'rig':>6}   length, as a share of that at rest")
    for shape in SHAPES:
        those = [pair for pair in pairs if pair.shape == shape and pair.living - pair.rest >= options.rise]
        if not those:
            print(f"{shape:<14}{0:>7}{'-':>8}{'-':>6}")
            continue
        living, rigged = (float(np.mean([getattr(p, kind) - p.rest for p in those])) for kind in ("living", "rigged"))
        line = f"{shape:<14}{len(those):>7}{living:>8.2f}{rigged:>6.2f}"
        if shape in LENGTHS:
            shares = np.mean([(p.lengths[1] / p.lengths[0], p.lengths[2] / p.lengths[0]) for p in those], axis=0)
            line += f"   {LENGTHS[shape][0]}: living {shares[0]:.2f}, rig {shares[1]:.2f}"
        print(line)
        for p in those if options.clips else ():
            print(f"  {p.clip}: at rest {p.rest:.2f}, living {p.living:.2f}, rig {p.rigged:.2f}")


def compare(clip: Path, *, every: int) -> list[Pair]:
    """The pairs of one video, none where no face holds still for a rig."""
    with Landmarker(AssetStore(), mode="image") as landmarker:
        seen = list(faces(clip, landmarker, every))
        if len(seen) < FEWEST_FRAMES:
            return []
        scores = np.stack([read(face) for _, face in seen])
        quiet, still = seen[int(scores[:, ACTED].sum(axis=1).argmin())]
        try:
            rig = make_rig(quiet, still)
        except VisavisError as error:
            print(f"{clip.stem}: {error}")
            return []
        renderer, pairs = MeshRenderer(rig), []
        for shape, members in SHAPES.items():
            indices = [BLENDSHAPE_INDEX[member] for member in members]
            own = scores[:, indices].mean(axis=1)
            moved = landmarker.detect(renderer.render(Expression.from_mapping(dict.fromkeys(members, 1.0))))
            if not moved:
                continue
            strongest = seen[int(own.argmax())][1]
            length = LENGTHS.get(shape, ("", none))[1]
            trio = (length(still), length(strongest), length(moved[0]))
            at_rest, rigged = (float(read(face)[indices].mean()) for face in (still, moved[0]))
            pairs.append(Pair(shape, clip.stem, at_rest, float(own.max()), rigged, trio))
        return pairs


def faces(clip: Path, landmarker: Landmarker, every: int) -> Iterator[tuple[Image, Face]]:
    """The frames of a video in which a face is seen, and the first face in them."""
    with open_source(str(clip)) as source:
        count = 0
        while (frame := source.read()) is not None:
            count += 1
            if count % every == 0 and (found := landmarker.detect(frame.image)):
                yield frame.image, found[0]


def read(face: Face) -> Float32:
    assert face.blendshapes is not None
    return face.blendshapes


def points(face: Face) -> Float32:
    assert face.landmarks is not None
    return face.landmarks[:, :2]


def mouth_width(face: Face) -> float:
    """From corner to corner, in distances of the eyes' outer corners."""
    marks = points(face)
    return float(np.linalg.norm(marks[LIP_OUTER_UPPER[0]] - marks[LIP_OUTER_UPPER[-1]])) / eye_distance(marks)


def aperture(face: Face) -> float:
    """Of both eyes on average, in widths of the eye."""
    marks, shares = points(face), []
    for upper, lower in EYES.values():
        gaps = np.linalg.norm(marks[list(upper[1:-1])] - marks[list(lower[1:-1])], axis=1)
        shares.append(gaps.max() / np.linalg.norm(marks[upper[0]] - marks[upper[-1]]))
    return float(np.mean(shares))


def eye_distance(marks: Float32) -> float:
    return float(np.linalg.norm(marks[EYES["Right"][0][0]] - marks[EYES["Left"][0][0]]))


def none(face: Face) -> float:
    return 1.0


#: What is measured beside the score, by blendshape: a word for it, and the length.
LENGTHS: dict[str, tuple[str, Callable[[Face], float]]] = {
    "mouthSmile": ("mouth's width", mouth_width),
    "mouthPucker": ("mouth's width", mouth_width),
    "eyeBlink": ("eyes' aperture", aperture),
    "eyeWide": ("eyes' aperture", aperture),
}

if __name__ == "__main__":
    main()
