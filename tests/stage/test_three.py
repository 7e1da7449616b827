"""The exported glTF plays in three.js: the same expressions as the reference renderer draws, but for its folds."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.node import require_node_package
from tests.stage.test_parity import EXPRESSIONS
from visavis.assets import AssetStore
from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait
from visavis.portrait.glb import TARGETS, export_glb
from visavis.portrait.motions import motion_weights
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig
from visavis.types import Expression, Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

ADDRESS = "http://portrait.test/"
PAGE = """<!doctype html>
<canvas></canvas>
<script type="importmap">{"imports": {"three": "/three/build/three.module.js"}}</script>
<script type="module">
  import * as THREE from "three";
  import { GLTFLoader } from "/three/examples/jsm/loaders/GLTFLoader.js";
  const canvas = document.querySelector("canvas");
  const renderer = new THREE.WebGLRenderer({ canvas, preserveDrawingBuffer: true, antialias: false });
  window.load = async (width, height) => {
    renderer.setSize(width, height, false);
    const side = width / height / 2;
    const camera = new THREE.OrthographicCamera(-side, side, 0.5, -0.5, 0.1, 10);
    camera.position.z = 2;
    const { scene } = await new GLTFLoader().loadAsync("/portrait.glb");
    window.draw = (weights) => {
      scene.traverse((part) => {
        if (!part.morphTargetDictionary) return;
        for (const [name, index] of Object.entries(part.morphTargetDictionary)) {
          part.morphTargetInfluences[index] = weights[name];
        }
      });
      renderer.render(scene, camera);
      return canvas.toDataURL();
    };
  };
</script>"""


@pytest.fixture(scope="module")
def rig(assets: AssetStore) -> Rig:
    return open_portrait(DEFAULT_PORTRAIT, assets=assets).rig


def open_model(browser: Browser, three: Path, model: bytes, size: tuple[int, int]) -> Page:
    """A page that has loaded a model with three.js; nothing of it leaves this process."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ADDRESS)
        if path == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path == "portrait.glb":
            route.fulfill(body=model, content_type="model/gltf-binary")
        elif path.startswith("three/") and (three.parent / path).is_file():
            route.fulfill(body=(three.parent / path).read_bytes(), content_type="text/javascript")
        else:
            route.fulfill(status=404)

    page = browser.new_page()
    page.route("**/*", answer)
    page.goto(ADDRESS)
    page.evaluate("size => load(...size)", list(size))
    return page


def drawn(page: Page, expression: Expression, rig: Rig) -> Image:
    weights = dict(zip(TARGETS, motion_weights(expression, rig.largest_sway)[1:].tolist(), strict=True))
    data = page.evaluate("weights => draw(weights)", weights)
    with Pillow.open(io.BytesIO(base64.b64decode(data.split(",", 1)[1]))) as picture:
        return np.asarray(picture.convert("RGB"))


def difference(rig: Rig, one: Image, other: Image) -> float:
    """Mean absolute difference where the rig may move."""
    x0, y0, x1, y1 = rig.grid.box
    return float(np.abs(one[y0:y1, x0:x1].astype(np.int16) - other[y0:y1, x0:x1]).mean())


def test_three_plays_the_portrait(rig: Rig, chromium: Browser) -> None:
    three = require_node_package("three")
    height, width = rig.painting.shape[:2]
    page = open_model(chromium, three, export_glb(rig), (width, height))
    renderer = MeshRenderer(rig)
    try:
        rest = drawn(page, Expression(), rig)
        assert np.abs(rest.astype(np.int16) - rig.painting).mean() < 0.02
        for name, expression in EXPRESSIONS.items():
            # The eyeballs of a glTF file do not turn, and nothing in it bounds a turn of the head.
            if expression.gaze.any() or name == "rest" or (np.abs(expression.sway) > rig.largest_sway).any():
                continue
            wanted, played = renderer.render(expression), drawn(page, expression, rig)
            # No folds, hard edges of the lips: not the reference's picture, but closer to it than to the painting.
            assert difference(rig, played, wanted) < min(2.0, 0.5 * difference(rig, wanted, rig.painting)), name
    finally:
        page.close()
