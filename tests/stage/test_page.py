"""The visitor's page in a real browser."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.stage.conftest import show_expression, wait_until
from tests.stage.live import Stage, gradient_painting, running
from tests.stage.stand_ins import ToldFinder, smiling_face
from visavis.portrait.life import Life
from visavis.portrait.presence import Presence
from visavis.stage.protocol import SourceKind
from visavis.types import BLENDSHAPE_INDEX, Expression

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

OpenPage = Callable[..., "Page"]
SMILE = BLENDSHAPE_INDEX["mouthSmileLeft"]


def source_text(page: Page) -> str:
    return page.inner_text("#source")


def says(page: Page, words: str) -> None:
    """Wait until the label says what plays in these words."""
    wait_until(page, f"document.querySelector('#source').textContent.includes({words!r})")


def wait_for_smile(page: Page) -> None:
    wait_until(page, f"visavis.shown[{SMILE}] > 0.8")


def test_the_page_opens_receives_expressions_and_draws_them(open_page: OpenPage) -> None:
    finder = ToldFinder((smiling_face(),))
    with running(Stage(finder=finder)) as stage:
        page = open_page(stage.url)
        page.wait_for_selector("body[data-state=ready][data-line=up]")
        wait_for_smile(page)
        assert page.evaluate("visavis.message.people") == 1
        assert page.get_attribute("#portrait", "aria-label") == "A gradient"
        before = page.evaluate("visavis.frames")
        finder.faces = ()
        wait_until(page, f"visavis.shown[{SMILE}] === 0")
        assert page.evaluate("visavis.frames") > before
        # At rest there is nothing to draw anew.
        before = page.evaluate("visavis.frames")
        time.sleep(0.3)
        assert page.evaluate("visavis.frames") - before <= 1


def test_the_page_comes_back_by_itself_when_the_server_was_restarted(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url)
    wait_for_smile(page)
    stage.stop()
    page.wait_for_selector("body[data-line=down]")
    assert source_text(page) == "Connection lost. Reconnecting…"
    stage.finder = ToldFinder(())
    stage.start()
    page.wait_for_selector("body[data-line=up]")
    wait_until(page, "visavis.connections === 2")
    wait_until(page, f"visavis.shown[{SMILE}] === 0")
    assert source_text(page) == "A scripted face is playing"


def test_a_page_that_outlives_a_change_of_portrait_shows_the_new_one(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url)
    page.wait_for_selector("body[data-line=up]")
    stage.stop()
    stage.rig = gradient_painting(100, 140)
    stage.start()
    wait_until(page, "visavis.portrait?.width === 140")
    page.wait_for_selector("body[data-line=up]")
    assert page.evaluate("document.querySelector('#trouble').hidden")


@pytest.mark.parametrize(
    ("kind", "label", "fallback", "english", "french"),
    [
        ("camera", "camera:0", False, "through the camera (camera:0)", "regarde par la caméra (camera:0)"),
        ("file", "clip.mp4", False, "Looking at a video: clip.mp4", "Le portrait regarde une vidéo : clip.mp4"),
        ("file", "clip.mp4", True, "No camera found. Looking at a video: clip.mp4", "Aucune caméra trouvée."),
        ("script", "", True, "No camera found. A scripted face is playing", "Un visage simulé est joué"),
        ("stream", "", False, "Looking through a network camera", "une caméra du réseau"),
    ],
)
def test_the_page_says_what_plays_in_both_languages(
    open_page: OpenPage, kind: SourceKind, label: str, fallback: bool, english: str, french: str
) -> None:
    with running(Stage(kind=kind, label=label, fallback=fallback)) as stage:
        page = open_page(stage.url)
        says(page, english)
        page.keyboard.press("l")
        says(page, french)


def test_the_language_is_the_browsers_or_the_address_s(stage: Stage, open_page: OpenPage) -> None:
    for locale, query, language in (("fr-CA", "", "fr"), ("de-DE", "", "en"), ("en-GB", "?lang=fr", "fr")):
        page = open_page(stage.url + query, locale=locale)
        assert page.get_attribute("html", "lang") == language
        says(page, "simulé" if language == "fr" else "scripted")


def test_the_languages_have_the_same_words(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url + "?static=1")
    keys = page.evaluate(
        "import('/static/texts.js').then(({TEXTS}) => Object.values(TEXTS).map((words) => Object.keys(words)))"
    )
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_still_the_page_draws_the_painting_itself_pixel_for_pixel(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url + "?static=1")
    pixels = show_expression(page, Expression())
    painting = Pillow.open(io.BytesIO(gradient_painting().files["painting.png"]))
    np.testing.assert_array_equal(pixels, np.asarray(painting))
    assert page.evaluate("visavis.connections") == 0


@pytest.mark.parametrize("window", [(640, 480), (300, 700)])
@pytest.mark.parametrize("density", [1, 2])
def test_the_painting_fits_the_window_and_can_fill_it(
    stage: Stage, open_page: OpenPage, window: tuple[int, int], density: int
) -> None:
    width, height = window
    page = open_page(stage.url, viewport={"width": width, "height": height}, device_scale_factor=density)
    page.wait_for_selector("body[data-state=ready]")
    box = page.locator("#portrait").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(90 / 120, rel=0.01)
    assert max(box["width"] / width, box["height"] / height) == pytest.approx(1, abs=0.01)
    assert page.evaluate("document.querySelector('#portrait').width") == pytest.approx(box["width"] * density, abs=1)
    page.keyboard.press("c")
    box = page.locator("#portrait").bounding_box()
    assert box is not None
    assert min(box["width"] / width, box["height"] / height) == pytest.approx(1, abs=0.01)
    assert box["x"] <= 0.5
    assert box["x"] + box["width"] >= width - 0.5


def test_when_nobody_is_there_the_page_invites_and_stops_when_somebody_comes(open_page: OpenPage) -> None:
    finder = ToldFinder(())
    with running(Stage(finder=finder, presence=Presence(Life(), attract_after_s=0.5))) as stage:
        page = open_page(stage.url)
        page.wait_for_selector("body[data-attract=true]")
        assert page.inner_text("#invitation") == "Come closer. Look at me."
        # Meanwhile it lives: it breathes, and what it plays is drawn.
        wait_until(page, "visavis.shown.at(-1) > 0.2")
        finder.faces = (smiling_face(),)
        page.wait_for_selector("body[data-attract=false]")


def test_the_keyboard_does_all_that_the_buttons_do(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url)
    page.wait_for_selector("body[data-line=up]")
    page.keyboard.press("l")
    assert page.get_attribute("html", "lang") == "fr"
    page.keyboard.press("i")
    assert page.locator("#panel").is_visible()
    assert "oubliées" in page.inner_text("#panel")
    page.keyboard.press("Escape")
    assert not page.locator("#panel").is_visible()
    page.keyboard.press("h")
    assert page.get_attribute("body", "data-label") == "false"
    page.keyboard.press("f")
    wait_until(page, "document.fullscreenElement !== null")
    names = page.evaluate("[...document.querySelectorAll('nav button')].map((b) => b.getAttribute('aria-label'))")
    assert all(names)


def test_where_the_painting_cannot_be_loaded_the_page_says_so(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url + "?static=1", expects=("could not be loaded", "404"))
    page.route("**/rig/**", lambda route: route.fulfill(status=404))
    page.reload()
    page.wait_for_selector("body[data-state=trouble]")
    assert "could not be loaded" in page.inner_text("#trouble")
    # On a wall nobody reloads a page: it asks again by itself.
    page.unroute("**/rig/**")
    page.wait_for_selector("body[data-state=ready]")
    assert not page.inner_text("#trouble")


def test_of_two_paintings_asked_for_the_last_one_hangs(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url, expects=("GL_", "WebGL", "CONTEXT"))
    held: list[Route] = []
    page.route("**/rig/", lambda route: held.append(route))
    page.evaluate("visavis.change()")
    page.evaluate("visavis.change()")
    wait_until(page, "visavis.portrait === null")
    while len(held) < 2:
        page.wait_for_timeout(20)
    held[1].continue_()
    wait_until(page, "visavis.portrait !== null")
    page.evaluate("window.hung = visavis.portrait")
    held[0].continue_()
    page.wait_for_timeout(500)
    assert page.evaluate("window.hung === visavis.portrait")


def test_a_visitor_who_waits_for_another_can_switch_the_camera_off(open_page: OpenPage) -> None:
    with running(Stage(kind="browser", label="")) as stage:
        first = open_page(stage.url, permissions=["camera"])
        first.click("#camera")
        says(first, "Looking through your own camera")
        second = open_page(stage.url, permissions=["camera"])
        second.click("#camera")
        second.wait_for_selector("body[data-camera=cameraBusy]")
        assert "somebody else" in second.inner_text("#trouble")
        wait_until(second, "document.querySelector('#camera').textContent === 'Stop the camera'")
        second.click("#camera")
        second.wait_for_selector("body[data-camera=off]")
        assert second.evaluate("visavis.filmed") is False
        assert second.evaluate("visavis.sent") == 0
        # Whoever waits has the place as soon as it is free.
        second.click("#camera")
        second.wait_for_selector("body[data-camera=cameraBusy]")
        first.click("#camera")
        second.wait_for_selector("body[data-camera=on]")


def test_the_visitors_own_camera_is_asked_for_and_sent(open_page: OpenPage) -> None:
    with running(Stage(kind="browser", label="")) as stage:
        page = open_page(stage.url, permissions=["camera"])
        says(page, "Waiting for your camera")
        assert stage.camera is not None
        assert not stage.camera.is_held
        page.click("#camera")
        says(page, "Looking through your own camera")
        wait_until(page, "visavis.sent > 3")
        deadline = time.monotonic() + 20
        newest = None
        while newest is None and time.monotonic() < deadline:
            newest = stage.camera.get(newer_than=-1, timeout_s=0.2)
        assert newest is not None
        assert Pillow.open(io.BytesIO(newest[2])).size == (640, 480)
        assert stage.camera.refused == 0
        page.click("#camera")
        says(page, "Waiting for your camera")


def test_without_webgl_the_page_says_so(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url + "?static=1")
    page.context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.reload()
    page.wait_for_selector("body[data-state=trouble]")
    assert "WebGL 2" in page.inner_text("#trouble")
    # The painting hangs all the same.
    still = page.locator("#still")
    assert still.is_visible()
    assert still.evaluate("image => [image.complete, image.naturalWidth]") == [True, 90]


# --- timing: the module by itself, on a clock of the test's ----------------------------------------------------------


def play(page: Page, script: str) -> list[float]:
    """Run a body that has `playout` (of one number) and returns numbers."""
    result = page.evaluate(
        f"""import("/static/playout.js").then(({{ Playout }}) => {{
            const playout = new Playout(1);
            {script}
        }})"""
    )
    return [float(value) for value in result]


def test_between_messages_numbers_move_evenly_at_the_displays_rate(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url + "?static=1")
    # A ramp of one a second, 30 messages a second, arriving up to 12 ms late, on another clock; drawn at 144 Hz.
    values = play(
        page,
        """
        const out = [];
        let next = 0;
        for (let now = 0; now < 3; now += 1 / 144) {
          while (next / 30 + 0.012 * ((next * 7) % 5) / 5 <= now) {
            const arrival = next / 30 + 0.012 * ((next * 7) % 5) / 5;
            playout.push(1000 + next / 30, [next / 30], 50 + arrival);
            next += 1;
          }
          out.push(playout.sample(50 + now)[0]);
        }
        return out;
        """,
    )
    steps = np.diff(values[144:])
    assert steps.min() > 0
    assert np.abs(steps - 1 / 144).max() < 0.35 / 144
    delay = (np.arange(len(values)) / 144 - np.array(values))[144:]
    assert delay.max() < 0.13


def test_a_silence_holds_and_a_restart_is_taken_smoothly(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url + "?static=1")
    values = play(
        page,
        """
        const out = [];
        for (let i = 0; i < 30; i++) { playout.push(500 + i / 30, [1], i / 30); playout.sample(i / 30); }
        for (let now = 1; now < 3; now += 1 / 60) out.push(playout.sample(now)[0]);
        playout.reset();
        for (let i = 0; i < 60; i++) {
          if (i % 2 === 0) playout.push(i / 60, [0], 3 + i / 60);
          out.push(playout.sample(3 + i / 60)[0]);
        }
        return out;
        """,
    )
    assert values[:119] == pytest.approx([1.0] * 119)
    assert np.abs(np.diff(values)).max() < 0.45
    assert values[-1] == 0
    assert np.all(np.diff(values[120:]) <= 0)
