"""The default portrait, rigged once for all tests of this folder."""

from __future__ import annotations

import pytest

from visavis.assets import AssetStore
from visavis.portrait.gallery import DEFAULT_PORTRAIT, OpenPortrait, open_portrait
from visavis.portrait.render import MeshRenderer


@pytest.fixture(scope="session")
def madonna(assets: AssetStore) -> OpenPortrait:
    """The Bridgewater Madonna: image, face and rig."""
    return open_portrait(DEFAULT_PORTRAIT, assets=assets)


@pytest.fixture(scope="session")
def renderer(madonna: OpenPortrait) -> MeshRenderer:
    """The reference renderer of the Madonna's rig."""
    return MeshRenderer(madonna.rig)
