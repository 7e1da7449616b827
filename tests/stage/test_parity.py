"""The browser draws what the reference renderer draws: some fifteen expressions, at the painting's own size."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.stage.conftest import show_expression, wait_until
from tests.stage.live import Stage, running
from visavis.assets import AssetStore
from visavis.faces import find_faces
from visavis.images import read_image
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig, make_rig
from visavis.portrait.webrig import export_web_rig
from visavis.stage.rigfiles import RigFiles
from visavis.types import Expression, Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

OpenPage = Callable[..., "Page"]

#: Mean absolute difference that is allowed, in grey levels, over the face, the body, each eye, and the mouth.
TOLERANCE: Final = 1.0
#: The same where both were brought to another size, each in its own way.
RESIZED_TOLERANCE: Final = 1.5
SHARED_PORTRAITS: Final = (
    "leonardo-da-vinci__la-scapigliata",
    "raphael__portrait-of-baldassare-castiglione",
    "jan-vermeer__girl-with-a-pearl-earring",  # lips painted apart
)


def both(**weights: float) -> dict[str, float]:
    """Weights by name; a name that ends in an underscore stands for both sides."""
    named: dict[str, float] = {}
    for name, weight in weights.items():
        for side in ("Left", "Right") if name.endswith("_") else ("",):
            named[name.removesuffix("_") + side] = weight
    return named


EXPRESSIONS: Final[Mapping[str, Expression]] = {
    "rest": Expression(),
    "smile with teeth": Expression.from_mapping(
        both(mouthSmile_=0.9, mouthUpperUp_=0.4, mouthLowerDown_=0.3, cheekSquint_=0.6, jawOpen=0.15)
    ),
    "open jaw": Expression.from_mapping({"jawOpen": 0.7}),
    "blink": Expression.from_mapping(both(eyeBlink_=1.0)),
    "gaze": Expression.from_mapping({}, gaze=(0.8, -0.4)),
    "gaze up": Expression.from_mapping({}, gaze=(-0.6, 0.5)),
    "half a pixel of gaze": Expression.from_mapping({}, gaze=(0.06, -0.03)),
    "frown": Expression.from_mapping(both(mouthFrown_=0.8, browInnerUp=0.7)),
    "anger": Expression.from_mapping(both(browDown_=0.9, noseSneer_=0.6, mouthPress_=0.5, eyeSquint_=0.5)),
    "pucker": Expression.from_mapping({"mouthPucker": 0.9}),
    "startled": Expression.from_mapping(both(eyeWide_=1.0, jawOpen=0.6, mouthPucker=0.8)),
    "one side": Expression.from_mapping(
        {"mouthSmileLeft": 0.8, "eyeBlinkLeft": 0.7, "browOuterUpRight": 0.8, "mouthLeft": 0.3}
    ),
    "sway": Expression.from_mapping(both(eyeWide_=0.8, jawOpen=0.3, browInnerUp=0.8), sway=(4, -3, 2)),
    "a turn beyond what the paint bears": Expression.from_mapping({}, sway=(-20, 15, 10)),
    "breath": Expression.from_mapping({}, breath=1.0),
    "alive": Expression.from_mapping(both(mouthSmile_=0.3, eyeBlink_=0.4), gaze=(0.05, 0), sway=(1, 0, -1), breath=0.6),
}


def rig_of(path: Path, assets: AssetStore) -> Rig:
    painting = read_image(path)
    return make_rig(painting, find_faces(painting, assets=assets)[0])


@pytest.fixture(scope="module")
def madonna(assets: AssetStore) -> Rig:
    return rig_of(assets.path("bridgewater-madonna"), assets)


@contextmanager
def hung(rig: Rig) -> Iterator[Stage]:
    """A stage with the rig's painting on its wall."""
    with running(Stage(rig=RigFiles(export_web_rig(rig, title="A portrait")))) as stage:
        yield stage


def face_of(rig: Rig, picture: Image) -> Image:
    """The part of a picture where the face is."""
    x0, y0 = np.maximum(rig.landmarks.min(axis=0).astype(int), 0)
    x1, y1 = rig.landmarks.max(axis=0).astype(int)
    return picture[y0:y1, x0:x1]


def difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def outside(rig: Rig, picture: Image, *, breathing: bool = False) -> Image:
    """A picture with black where the rig may move it, breathing or not."""
    rest = picture.copy()
    for x0, y0, x1, y1 in (rig.grid.box, rig.body.grid.box)[: 2 if breathing else 1]:
        rest[y0:y1, x0:x1] = 0
    return rest


def body_of(rig: Rig, picture: Image) -> Image:
    """The part of a picture that breathes."""
    x0, y0, x1, y1 = rig.body.grid.box
    return picture[y0:y1, x0:x1]


def assert_draws_the_same(rig: Rig, page: Page) -> None:
    renderer = MeshRenderer(rig)
    differences, moved = {}, {}
    for name, expression in EXPRESSIONS.items():
        drawn = show_expression(page, expression)
        assert drawn.shape == rig.painting.shape
        breathes = expression.breath > 0
        np.testing.assert_array_equal(
            outside(rig, drawn, breathing=breathes), outside(rig, rig.painting, breathing=breathes), err_msg=name
        )
        if name == "rest":
            np.testing.assert_array_equal(drawn, rig.painting, err_msg="at rest")
            continue
        wanted = renderer.render(expression)
        differences[name] = difference(face_of(rig, drawn), face_of(rig, wanted))
        differences[f"{name}, body"] = difference(body_of(rig, drawn), body_of(rig, wanted))
        moved[name] = difference(face_of(rig, rig.painting), face_of(rig, drawn))
        # What is wrong in an eye or in the mouth would not be seen in the mean of the whole face.
        boxes = {"right eye": rig.eyes[0].box, "left eye": rig.eyes[1].box, "mouth": rig.mouth.grid.box}
        for part, (x0, y0, x1, y1) in boxes.items():
            differences[f"{name}, {part}"] = difference(drawn[y0:y1, x0:x1], wanted[y0:y1, x0:x1])
    assert max(differences.values()) < TOLERANCE, sorted(differences.items(), key=lambda item: -item[1])[:5]
    assert min(moved.values()) > 0.005, moved
    # Coming back to rest leaves nothing behind.
    np.testing.assert_array_equal(show_expression(page, Expression()), rig.painting)


def test_the_default_portrait_is_drawn_as_the_reference_draws_it(madonna: Rig, open_page: OpenPage) -> None:
    with hung(madonna) as stage:
        page = open_page(stage.url + "?static=1")
        assert_draws_the_same(madonna, page)
        assert page.get_attribute("#portrait", "aria-label") == "A portrait"


@pytest.mark.shared
@pytest.mark.parametrize("name", SHARED_PORTRAITS)
def test_other_portraits_are_drawn_as_the_reference_draws_them(
    name: str, shared: Path, assets: AssetStore, open_page: OpenPage
) -> None:
    rig = rig_of(shared / "data/portraits/images" / f"{name}.jpg", assets)
    assert rig.mouth.stir.any() == ("pearl-earring" in name)
    with hung(rig) as stage:
        assert_draws_the_same(rig, open_page(stage.url + "?static=1"))


def test_a_machine_that_cannot_draw_floats_draws_the_same(madonna: Rig, open_page: OpenPage) -> None:
    with hung(madonna) as stage:
        page = open_page(stage.url + "?static=1")
        page.context.add_init_script(
            "const { getExtension } = WebGL2RenderingContext.prototype;"
            "WebGL2RenderingContext.prototype.getExtension = function (name) {"
            "  return name === 'EXT_color_buffer_float' ? null : getExtension.call(this, name);"
            "};"
        )
        page.reload()
        page.evaluate("visavis.ready")
        assert page.evaluate("visavis.portrait.gl.getExtension('EXT_color_buffer_float')") is None
        assert_draws_the_same(madonna, page)


def test_a_painting_larger_than_the_machine_can_hold_is_shown_softer(madonna: Rig, open_page: OpenPage) -> None:
    with hung(madonna) as stage:
        page = open_page(stage.url + "?static=1")
        page.context.add_init_script(
            "const { getParameter } = WebGL2RenderingContext.prototype;"
            "WebGL2RenderingContext.prototype.getParameter = function (name) {"
            "  return name === this.MAX_TEXTURE_SIZE ? 800 : getParameter.call(this, name);"
            "};"
        )
        page.reload()
        page.evaluate("visavis.ready")
        assert page.evaluate("visavis.portrait.painting.height") == 800
        rest = show_expression(page, Expression())
        smile = show_expression(page, EXPRESSIONS["smile with teeth"])
    assert 0 < difference(rest, madonna.painting) < 6
    np.testing.assert_array_equal(outside(madonna, smile), outside(madonna, rest))
    wanted = MeshRenderer(madonna).render(EXPRESSIONS["smile with teeth"])
    assert difference(face_of(madonna, smile), face_of(madonna, wanted)) < 6


def test_an_expression_uploads_under_two_kilobytes(madonna: Rig, open_page: OpenPage) -> None:
    with hung(madonna) as stage:
        page = open_page(stage.url + "?static=1")
        show_expression(page, EXPRESSIONS["one side"])
        uploaded = page.evaluate(
            """() => {
              const { gl } = visavis.portrait;
              let bytes = 0;
              for (const key in gl) {
                if (typeof gl[key] !== "function") continue;
                if (/^(tex|compressedTex|buffer|copyTex)/.test(key) && !/Parameter/.test(key)) {
                  gl[key] = () => { throw new Error(`${key} at each expression`); };
                } else if (/^uniform/.test(key)) {
                  const real = gl[key].bind(gl);
                  gl[key] = (place, value, ...more) => {
                    bytes += 4 * (value.length ?? 1);
                    return real(place, value, ...more);
                  };
                }
              }
              const all = Object.fromEntries(visavis.portrait.manifest.blendshapes.map((name) => [name, 0.3]));
              visavis.show({ weights: all, gaze: [0.3, 0.2], sway: [1, 2, 3], breath: 0.5 });
              return bytes;
            }"""
        )
        assert 400 < uploaded < 2048


def test_after_a_lost_graphics_context_the_rig_moves_again(madonna: Rig, open_page: OpenPage) -> None:
    expression = EXPRESSIONS["smile with teeth"]
    with hung(madonna) as stage:
        page = open_page(stage.url + "?static=1")
        before = show_expression(page, expression)
        page.evaluate(
            """async () => {
              const lost = visavis.portrait.gl.getExtension("WEBGL_lose_context");
              window.old = visavis.portrait;
              const gone = new Promise((done) =>
                document.querySelector("#portrait").addEventListener("webglcontextlost", done, { once: true }));
              lost.loseContext();
              await gone;
              visavis.show({ weights: { jawOpen: 1 } });
              await new Promise((done) => setTimeout(done, 50));
              lost.restoreContext();
            }"""
        )
        wait_until(page, "visavis.portrait !== window.old")
        np.testing.assert_array_equal(show_expression(page, expression), before)


def drawn_now(page: Page, expression: Expression) -> Image:
    """Draw and read in one go: without `?static=1` a canvas forgets what it held once it was shown."""
    width, height, data = page.evaluate(
        """([weights, gaze, sway]) => {
          const { portrait } = visavis, { gl } = portrait;
          portrait.draw(weights, gaze, sway);
          const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
          const pixels = new Uint8Array(width * height * 4);
          gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
          let text = "";
          for (let i = 0; i < pixels.length; i += 8192) text += String.fromCharCode(...pixels.subarray(i, i + 8192));
          return [width, height, btoa(text)];
        }""",
        [expression.weights.tolist(), expression.gaze.tolist(), expression.sway.tolist()],
    )
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    return np.ascontiguousarray(pixels[::-1, :, :3])


def resized(picture: Image, size: tuple[int, int]) -> Image:
    return np.asarray(Pillow.fromarray(picture).resize(size, Pillow.Resampling.BICUBIC))


@pytest.mark.parametrize(("density", "seen"), [(1, "smaller"), (3, "larger")])
def test_at_the_screens_own_size_the_face_is_as_sharp_as_the_painting_around_it(
    madonna: Rig, open_page: OpenPage, density: int, seen: str
) -> None:
    with hung(madonna) as stage:
        page = open_page(stage.url, viewport={"width": 500, "height": 560}, device_scale_factor=density)
        page.wait_for_selector("body[data-state=ready]")
        rest, moved = drawn_now(page, Expression()), drawn_now(page, EXPRESSIONS["one side"])
    assert (rest.shape[0] < madonna.painting.shape[0]) == (seen == "smaller")
    size = (rest.shape[1], rest.shape[0])
    assert difference(rest, resized(madonna.painting, size)) < RESIZED_TOLERANCE
    wanted = MeshRenderer(madonna).render(EXPRESSIONS["one side"])
    assert difference(moved, resized(wanted, size)) < RESIZED_TOLERANCE
    scale = size[0] / madonna.painting.shape[1]
    x0, y0, x1, y1 = (round(edge * scale) for edge in madonna.grid.box)
    unmoved = moved.copy()
    unmoved[y0:y1, x0:x1] = rest[y0:y1, x0:x1]
    np.testing.assert_array_equal(unmoved, rest)
