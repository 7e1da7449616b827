"""Fixtures of the stage: a headless Chromium, and pages in it whose drawn pixels can be read."""

from __future__ import annotations

import base64
import io
import shutil
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.stage.live import Stage, running
from visavis.types import Expression, Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: What the browser says of a server that has gone, as it has at the end of most tests.
AWAY = ("WebSocket connection", "ERR_CONNECTION_REFUSED")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-background-networking",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for a module's browser tests.

    Not for the session: Playwright keeps an event loop running in the thread, in which no other could be run.
    """
    path = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no Chromium is installed (looked for {', '.join(CHROMIUM_NAMES)})")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; errors and complaints of its console fail the test at its end, but for those it `expects`."""
    contexts, complaints = [], []

    def open_page(url: str, *, locale: str = "en-GB", expects: tuple[str, ...] = (), **options: Any) -> Page:
        context = chromium.new_context(locale=locale, **{"viewport": {"width": 640, "height": 480}, **options})
        contexts.append(context)
        page = context.new_page()

        def complain(text: str) -> None:
            if not any(expected in text for expected in (*AWAY, *expects)):
                complaints.append(text)

        page.on("pageerror", lambda error: complain(f"error: {error}"))
        page.on("console", lambda message: complain(message.text) if message.type in ("error", "warning") else None)
        page.set_default_timeout(30_000)
        page.goto(url)
        page.evaluate("visavis.ready")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage whose source is scripted: one face that smiles."""
    with running(Stage()) as stage:
        yield stage


def wait_until(page: Page, condition: str, *, timeout_s: float = 30.0) -> None:
    """Wait until a JavaScript expression is true. (Playwright's own waiting needs `eval`, which the page forbids.)"""
    deadline = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s} s it is still not so: {condition}")
        time.sleep(0.02)


def canvas_pixels(page: Page) -> Image:
    """What the canvas holds, (H, W, 3) RGB uint8; for pages opened with `?static=1`, at the painting's own size."""
    data = page.evaluate("document.querySelector('#portrait').toDataURL('image/png')")
    with Pillow.open(io.BytesIO(base64.b64decode(data.split(",", 1)[1]))) as picture:
        return np.asarray(picture.convert("RGB"))


def show_expression(page: Page, expression: Expression) -> Image:
    """Draw an expression on a page opened with `?static=1`, and return the canvas."""
    page.evaluate(
        "expression => visavis.show(expression)",
        {
            "weights": expression.weights.tolist(),
            "gaze": expression.gaze.tolist(),
            "sway": expression.sway.tolist(),
            "breath": expression.breath,
        },
    )
    return canvas_pixels(page)
