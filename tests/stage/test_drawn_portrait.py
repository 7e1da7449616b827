"""The portrait as a real browser draws it: a smile moves the face, and the rest of the painting stays itself.

`test_parity.py` compares it with the reference renderer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.stage.conftest import show_expression
from tests.stage.live import Stage, running
from visavis.assets import AssetStore
from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait
from visavis.portrait.presets import emotion_preset
from visavis.portrait.rig import Rig
from visavis.portrait.webrig import export_web_rig
from visavis.stage.rigfiles import RigFiles
from visavis.types import Expression

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

OpenPage = Callable[..., "Page"]

#: Farther from the mesh than this, in face widths, no pixel may ever change.
FADE = 0.35


@pytest.fixture(scope="module")
def rig(assets: AssetStore) -> Rig:
    return open_portrait(DEFAULT_PORTRAIT, assets=assets).rig


@pytest.fixture(scope="module")
def portrait_stage(rig: Rig) -> Iterator[Stage]:
    with running(Stage(rig=RigFiles(export_web_rig(rig, title="The Bridgewater Madonna")))) as stage:
        yield stage


@pytest.fixture
def page(portrait_stage: Stage, open_page: OpenPage) -> Page:
    return open_page(portrait_stage.url + "?static=1")


def inside_face(rig: Rig) -> NDArray[np.bool_]:
    """Pixels inside the box around the face's mesh."""
    height, width = rig.painting.shape[:2]
    low, high = rig.landmarks.min(axis=0), rig.landmarks.max(axis=0)
    y, x = np.mgrid[0:height, 0:width]
    inside: NDArray[np.bool_] = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    return inside


def far_from_face(rig: Rig) -> NDArray[np.bool_]:
    """Pixels farther from every landmark than `FADE` face widths."""
    from scipy.spatial import cKDTree

    height, width = rig.painting.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    distance, _ = cKDTree(rig.landmarks).query(np.stack([x.ravel(), y.ravel()], axis=1))
    far: NDArray[np.bool_] = (distance > FADE * rig.face_width).reshape(height, width)
    return far


def test_at_rest_the_browser_shows_the_painting_itself(page: Page, rig: Rig) -> None:
    np.testing.assert_array_equal(show_expression(page, Expression()), rig.painting)


def test_a_smile_changes_the_face_and_nothing_else(page: Page, rig: Rig) -> None:
    neutral = show_expression(page, Expression())
    smile = show_expression(page, emotion_preset("joy"))
    changed = np.abs(smile.astype(int) - neutral).max(axis=2)
    assert (changed[inside_face(rig)] > 12).mean() > 0.05
    assert not changed[far_from_face(rig)].any()


def test_a_portrait_that_goes_gives_its_graphics_memory_back(page: Page) -> None:
    used, left = page.evaluate(
        """async () => {
          const { Portrait } = await import("/static/portrait.js");
          const gl = new OffscreenCanvas(300, 400).getContext("webgl2");
          let alive = 0;
          for (const kind of ["Texture", "Program"]) {
            const [make, drop] = [gl[`create${kind}`].bind(gl), gl[`delete${kind}`].bind(gl)];
            gl[`create${kind}`] = () => { alive += 1; return make(); };
            gl[`delete${kind}`] = (thing) => { if (gl[`is${kind}`](thing)) alive -= 1; drop(thing); };
          }
          const portrait = await Portrait.load(gl, "/rig/");
          portrait.draw(new Array(52).fill(0.5), [0, 0], [0, 0, 0], 0.5);
          const used = alive;
          portrait.free();
          return [used, alive];
        }"""
    )
    assert used > 20
    assert left == 0


def test_where_the_driver_cannot_draw_what_moves_the_painting_hangs_still(
    portrait_stage: Stage, open_page: OpenPage, rig: Rig
) -> None:
    page = open_page(portrait_stage.url + "?static=1", expects=("no such driver",))
    page.context.add_init_script(
        """const get = WebGL2RenderingContext.prototype.getProgramParameter;
        let asked = 0;
        WebGL2RenderingContext.prototype.getProgramParameter = function (program, what) {
          // The third program is the first of those that move paint.
          return what === this.LINK_STATUS && ++asked > 2 ? false : get.call(this, program, what);
        };
        WebGL2RenderingContext.prototype.getProgramInfoLog = () => "no such driver";"""
    )
    page.reload()
    page.wait_for_selector("body[data-state=trouble]")
    assert "hangs still" in page.inner_text("#trouble")
    np.testing.assert_array_equal(show_expression(page, emotion_preset("joy")), rig.painting)
