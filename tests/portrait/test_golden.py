"""The default portrait's emotions against small stored pictures, and read again by the face landmarker.

After a change that is meant, look at what is written and renew the pictures:

    VISAVIS_RENEW_GOLDEN=1 pytest tests/portrait/test_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.faces import Landmarker
from visavis.images import read_image, resize, write_image
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.presets import emotion_preset
from visavis.portrait.render import MeshRenderer
from visavis.portrait.sheet import face_window
from visavis.types import EMOTIONS, Expression, Float32

GOLDEN = Path(__file__).parent / "golden"
#: Mean absolute difference, in grey levels; any two of the seven differ by 5 and more.
TOLERANCE = 2.5


@pytest.mark.parametrize("label", EMOTIONS)
def test_an_emotion_looks_as_it_did(renderer: MeshRenderer, madonna: OpenPortrait, label: str) -> None:
    window = face_window(madonna.rig.landmarks, madonna.image.shape, margin=0.1)
    image = resize(renderer.render(emotion_preset(label))[window], height=112)
    path = GOLDEN / f"{label}.png"
    if os.environ.get("VISAVIS_RENEW_GOLDEN"):
        write_image(path, image)
    difference = float(np.abs(image.astype(int) - read_image(path)).mean())
    assert difference < TOLERANCE


@pytest.fixture(scope="module")
def landmarker(assets: AssetStore) -> Landmarker:
    landmarker = Landmarker(assets, mode="image")
    landmarker.load()
    return landmarker


@pytest.fixture(scope="module")
def at_rest(landmarker: Landmarker, madonna: OpenPortrait) -> Float32:
    return scores(landmarker, madonna, madonna.image)


def scores(landmarker: Landmarker, madonna: OpenPortrait, image: np.ndarray) -> Float32:
    """The blendshapes read from a close-up, as the painting's own face was."""
    window = face_window(madonna.rig.landmarks, madonna.image.shape, margin=0.6)
    found = landmarker.detect(np.ascontiguousarray(resize(np.ascontiguousarray(image[window]), longest=512)))
    assert found, "no face is found in the rendered portrait"
    assert found[0].blendshapes is not None
    return found[0].blendshapes


# Her brows are read as raised at rest already, and her lids as half closed: there is less to gain than on other faces.
@pytest.mark.parametrize(
    ("names", "rise"),
    [
        (("mouthSmileLeft", "mouthSmileRight"), 0.2),
        (("jawOpen",), 0.3),
        (("mouthPucker",), 0.3),
        (("eyeBlinkLeft", "eyeBlinkRight"), 0.1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_played_can_be_read_again(
    renderer: MeshRenderer,
    madonna: OpenPortrait,
    landmarker: Landmarker,
    at_rest: Float32,
    names: tuple[str, ...],
    rise: float,
) -> None:
    played = Expression.from_mapping(dict.fromkeys(names, 0.9))
    asked = played.weights > 0
    again = scores(landmarker, madonna, renderer.render(played))
    assert float((again - at_rest)[asked].mean()) > rise
