"""The default portrait, rigged once for all tests of this folder."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.faces import find_faces
from visavis.images import resize
from visavis.portrait.gallery import DEFAULT_PORTRAIT, OpenPortrait, open_portrait
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import make_rig


@pytest.fixture(scope="session")
def madonna(assets: AssetStore) -> OpenPortrait:
    """The Bridgewater Madonna: image, face and rig."""
    return open_portrait(DEFAULT_PORTRAIT, assets=assets)


@pytest.fixture(scope="session")
def renderer(madonna: OpenPortrait) -> MeshRenderer:
    """The reference renderer of the Madonna's rig."""
    return MeshRenderer(madonna.rig)


@pytest.fixture(scope="session")
def small_head(assets: AssetStore, madonna: OpenPortrait) -> OpenPortrait:
    """Her head alone, at half its size: quick to render."""
    image = resize(np.ascontiguousarray(madonna.image[60:480, 180:560]), height=210)
    (face,) = find_faces(image, assets=assets)
    return OpenPortrait(image, face, make_rig(image, face))
