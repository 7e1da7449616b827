"""A portrait that is moved by a living face: it goes as far as the face, and shuts its eyes when the face does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from visavis.assets import AssetStore
from visavis.faces import Landmarker
from visavis.portrait.basis import load_basis
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.lids import lid_positions
from visavis.portrait.motions import motion_weights
from visavis.portrait.passage import blended
from visavis.portrait.score.motion import carried
from visavis.portrait.topology import MESH_POINTS
from visavis.reading import retargeted, to_expression
from visavis.sources import open_source
from visavis.types import Expression, Face

#: What the landmarker reads of brows that are raised as far as most people raise them.
RAISED_BROWS = {"browInnerUp": 0.9, "browOuterUp": 0.8}


def open_share(portrait: OpenPortrait, expression: Expression) -> float:
    """How much of the eye that is less shut stays open in its middle, as a share of that at rest."""
    shares = []
    for eye in portrait.rig.eyes:
        top, bottom = lid_positions(eye, motion_weights(expression))
        middle = slice(len(top) // 3, 2 * len(top) // 3)
        shares.append(float((bottom - top)[middle].max() / (eye.lower - eye.upper)[middle].max()))
    return max(shares)


def test_brows_that_are_read_as_raised_go_as_far_as_living_ones(madonna: OpenPortrait) -> None:
    reach = load_basis().reach[:MESH_POINTS] * madonna.rig.face_width

    def farthest(expression: Expression) -> float:
        return float((np.linalg.norm(carried(madonna.rig, expression), axis=1) / reach).max())

    read = blended(RAISED_BROWS)
    assert farthest(read) > 2
    assert 0.8 < farthest(retargeted(read)) < 1.9


def test_eyes_that_are_read_as_shut_are_shut(madonna: OpenPortrait) -> None:
    # Shut eyes are read at .55 to .7, and as squinting and looking down too.
    shut = replace(blended({"eyeBlink": 0.62, "eyeSquint": 0.45}), gaze=np.array([0, -0.5], np.float32))
    assert open_share(madonna, retargeted(shut)) < 0.2
    assert open_share(madonna, shut) > open_share(madonna, retargeted(shut))


def test_people_in_films_shut_their_eyes_in_the_portrait_too(
    shared: Path, assets: AssetStore, madonna: OpenPortrait
) -> None:
    """Of the frame in which a woman shuts her eyes most, as the landmarker itself measures the lids."""
    seen = []
    film = str(shared / "data" / "clips" / "liveportrait_d14.mp4")
    with Landmarker(assets, mode="image") as landmarker, open_source(film) as source:
        for frame in source:
            if frame.index % 6 == 0 and (found := landmarker.detect(frame.image)):
                seen.append(found[0])
    shut = min(seen, key=aperture)
    assert aperture(shut) < 0.3 * np.median([aperture(face) for face in seen])
    read = to_expression(shut)
    assert open_share(madonna, retargeted(read)) < 0.1
    assert open_share(madonna, retargeted(read)) < 0.5 * open_share(madonna, read)


def aperture(face: Face) -> float:
    assert face.landmarks is not None
    points = face.landmarks[:, 1]
    return float(points[145] - points[159] + points[374] - points[386])
