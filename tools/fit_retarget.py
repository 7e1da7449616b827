"""Fit `retarget.toml`: how far a portrait must move to move as far as the face whose scores drive it.

    python tools/fit_retarget.py --shared ../shared --out src/visavis/reading/retarget.toml

1. The quietest frame of each face video is rigged like a painting, so that rig and person are the same face.
2. In every third frame of the video the person's landmarks, turned into the pose of the rig, say how far the face
   moved; their scores say how far the rig would.
3. For each blendshape the lengths that it is for (a brow's height, the mouth's width) are regressed on what every
   blendshape of the rig does to them. The blendshape's own coefficient is its gain. Clips are centred, so that nobody's
   rest counts, and it is fitted again without each clip in turn: a gain is only taken where it stays on one side of 1.

Lengths are fitted each by themselves, not all points at once: where shapes point in a slightly wrong direction, a fit
of all points would answer by moving less, and a face that moves less than it is moved looks tired.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import VisavisError
from visavis.faces import Landmarker
from visavis.files import replacing
from visavis.portrait.motions import motion_weights
from visavis.portrait.pose import rigid_similarity
from visavis.portrait.rig import make_rig
from visavis.portrait.score.motion import carried
from visavis.portrait.topology import MESH_POINTS
from visavis.reading.expression import to_expression
from visavis.sources import open_source
from visavis.types import BLENDSHAPES, Expression, Face

Array = NDArray[np.float64]

_HEAD: Final = """# What a score that was read off a living face is worth in weights of a rig.
#
# Names without a side stand for both; blendshapes that are not named keep their scores. Written by
# tools/fit_retarget.py out of {clips} films; in brackets the least and the most that comes out without one of them.

[gains]
"""
_EVERY: Final = 3
_FEWEST_FRAMES: Final = 10
#: Pulls coefficients that nothing is known of to 1.
_RIDGE: Final = 0.02
#: A gain so near to 1 changes nothing that is seen.
_WORTH: Final = 0.15


def across(*points: int) -> Callable[[Array], Array]:
    """How far some points are moved to the right on average, (frames,)."""
    return lambda moved: np.asarray(moved[:, list(points), 0].mean(axis=1))


def down(*points: int) -> Callable[[Array], Array]:
    """The same downwards."""
    return lambda moved: np.asarray(moved[:, list(points), 1].mean(axis=1))


def between(one: Callable[[Array], Array], other: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """By how much a distance grows."""
    return lambda moved: other(moved) - one(moved)


_BROWS: Final = (down(66, 105, 107), down(296, 334, 336))
_LIDS: Final = (between(down(159), down(145)), between(down(386), down(374)))
_MOUTH_WIDTH: Final = between(across(61), across(291))
_CORNERS: Final = (down(61), down(291))


@dataclass(frozen=True)
class Target:
    """What one gain is fitted to.

    Attributes:
        shapes: blendshapes that share the gain; the landmarker can hardly tell which part of a brow is raised.
        lengths: what they are for.
        without: blendshapes that are taken not to move these lengths; eyes that are shut are read as squinting too.
    """

    shapes: tuple[str, ...]
    lengths: tuple[Callable[[Array], Array], ...]
    without: tuple[str, ...] = ()


TARGETS: Final = (
    Target(("browInnerUp", "browOuterUp"), _BROWS),
    Target(("browDown",), _BROWS),
    Target(("eyeBlink",), _LIDS, without=("eyeSquint",)),
    Target(("eyeSquint",), (down(230), down(450))),
    Target(("jawOpen",), (between(down(13), down(14)),)),
    Target(("mouthLeft", "mouthRight"), (across(13, 14),)),
    Target(("mouthLowerDown",), (down(17),)),
    Target(("mouthPress",), (between(down(0), down(17)),)),
    Target(("mouthPucker",), (_MOUTH_WIDTH,)),
    Target(("mouthSmile",), (*_CORNERS, _MOUTH_WIDTH)),
    Target(("mouthStretch",), (_MOUTH_WIDTH,)),
)


@dataclass(frozen=True)
class Clip:
    """One person's film, in widths of the face.

    Attributes:
        weights: (frames, 52), the scores; eyes look where the gaze goes.
        moved: (frames, 468, 2), how far the face's points moved from rest.
        shapes: (52, 468, 2), how far each blendshape at weight 1 moves the rig's.
    """

    weights: Array
    moved: Array
    shapes: Array


def main() -> None:
    """Fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("VISAVIS_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--out", type=Path, default=Path("src/visavis/reading/retarget.toml"))
    options = parser.parse_args()
    films = sorted((options.shared / "data" / "clips").glob("*.mp4"))
    if not films:
        parser.error(f"no videos in {options.shared / 'data' / 'clips'}; tell by --shared where they are")
    with ProcessPoolExecutor() as pool:
        clips = [clip for clip in pool.map(partial(watch, every=_EVERY), films) if clip is not None]
    if len(clips) < 2:
        parser.error("a gain is fitted to two films of faces at least")
    lines = []
    for target in TARGETS:
        gain = fit(target, clips)
        others = [fit(target, clips[:index] + clips[index + 1 :]) for index in range(len(clips))]
        low, high = min(others), max(others)
        taken = (low > 1 or high < 1) and abs(gain - 1) >= _WORTH
        print(f"{' '.join(target.shapes):<28}{gain:6.2f} [{low:.2f}, {high:.2f}]{'' if taken else '   not taken'}")
        if taken:
            lines += [f"{shape} = {gain:.2f} # [{low:.2f}, {high:.2f}]\n" for shape in target.shapes]
    with replacing(options.out) as path:
        path.write_text(_HEAD.format(clips=len(clips)) + "".join(sorted(lines)), encoding="utf-8")


def watch(film: Path, *, every: int) -> Clip | None:
    """What is measured of one film; None where nobody holds still for a rig."""
    with Landmarker(AssetStore(), mode="image") as landmarker, open_source(str(film)) as source:
        looked = (frame for frame in source if frame.index % every == 0)
        seen = [(frame.image, found[0]) for frame in looked if (found := landmarker.detect(frame.image))]
    if len(seen) < _FEWEST_FRAMES:
        return None
    read = [to_expression(face) for _, face in seen]
    weights = np.stack([motion_weights(replace(item, sway=item.sway * 0)) for item in read])[:, : len(BLENDSHAPES)]
    still = int(np.argmin([item.weights.sum() for item in read]))
    try:
        rig = make_rig(*seen[still])
    except VisavisError as error:
        print(f"{film.stem}: {error}")
        return None
    # Half a weight, twice: at a whole one some paint is already kept from folding.
    shapes = [carried(rig, Expression.from_mapping({name: 0.5})) * 2 for name in BLENDSHAPES[1:]]
    shapes.insert(0, np.zeros((MESH_POINTS, 2)))
    moved = [moved_from(seen[still][1], face) for _, face in seen]
    return Clip(weights.astype(np.float64), np.stack(moved) / rig.face_width, np.stack(shapes) / rig.face_width)


def moved_from(still: Face, face: Face) -> Array:
    """How far the points of a face are from those at rest, freed of the head's motion, (468, 2) pixels of the rest."""
    assert still.landmarks is not None
    assert face.landmarks is not None
    rest, now = still.landmarks.astype(np.float64), face.landmarks.astype(np.float64)
    rotation, scale, shift = rigid_similarity(now, rest)
    return np.asarray((now @ rotation.T * scale + shift - rest)[:MESH_POINTS, :2])


def fit(target: Target, clips: list[Clip]) -> float:
    """The gain of one target."""
    grouped = groups(target)
    columns, values = [], []
    for clip in clips:
        for length in target.lengths:
            share, wanted = length(clip.shapes), length(clip.moved)
            made = np.stack([clip.weights[:, members] @ share[members] for members in grouped.values()], axis=1)
            # Of long films every frame counts for less, but they do say more.
            weight = len(clip.weights) ** -0.25
            columns.append((made - made.mean(axis=0)) * weight)
            values.append((wanted - wanted.mean()) * weight)
    made, wanted = np.concatenate(columns), np.concatenate(values)
    square = made.T @ made
    ridge = _RIDGE * np.diag(np.diag(square) + 1e-6 * np.trace(square))
    gains = np.linalg.solve(square + ridge, made.T @ wanted + ridge @ np.ones(len(square)))
    return float(gains[0])


def groups(target: Target) -> Mapping[str, list[int]]:
    """Indices of the blendshapes that share a coefficient, the target's own first."""
    ours = {"": [index for index, name in enumerate(BLENDSHAPES) if unsided(name) in target.shapes]}
    for index, name in enumerate(BLENDSHAPES[1:], start=1):
        key = unsided(name)
        if key not in target.shapes and key not in target.without:
            ours.setdefault(key, []).append(index)
    return ours


def unsided(name: str) -> str:
    """`browDown` for `browDownLeft`; shapes that move to a side keep it."""
    stem = name.removesuffix("Left").removesuffix("Right")
    return name if stem in ("mouth", "jaw") else stem


if __name__ == "__main__":
    main()
