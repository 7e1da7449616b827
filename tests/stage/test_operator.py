"""The operator's page in a real browser: what is read, why, and what is not read when emotions are off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.stage.conftest import wait_until
from tests.stage.live import Stage, running
from tests.stage.stand_ins import ToldFinder, ToldReader, smiling_face
from visavis.types import EMOTIONS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

OpenPage = Callable[..., "Page"]
ATTRIBUTES = {"Smiling": 0.97, "Narrow_Eyes": 0.12}


def operator(open_page: OpenPage, stage: Stage) -> Page:
    page = open_page(stage.url)
    page.goto(f"{stage.url}operator")
    page.wait_for_selector("body[data-line=up]")
    return page


def test_the_operator_sees_what_is_read_and_why(open_page: OpenPage) -> None:
    finder = ToldFinder((smiling_face(0.8),))
    with running(Stage(finder=finder, reader=ToldReader(attributes=ATTRIBUTES))) as stage:
        page = operator(open_page, stage)
        page.wait_for_selector("body[data-reading=told]")
        assert page.inner_text("#label") == "joy"
        assert page.inner_text("#why") == "joy 0.80: smiling 0.80"
        assert page.inner_text("#probabilities").split()[::2] == list(EMOTIONS)
        assert page.inner_text("#attributes").split("\n") == ["Smiling", "0.97", "Narrow Eyes", "0.12"]
        assert page.inner_text("#measures").split()[:2] == ["intensity", "0.80"]
        wait_until(page, "document.querySelector('#health').textContent.includes('ok')")
        finder.faces = ()
        page.wait_for_selector("body[data-reading=nobody]")
        assert page.inner_text("#label") == "nobody is there"


def test_with_emotions_off_the_page_holds_attributes_alone(open_page: OpenPage) -> None:
    with running(Stage(reader=ToldReader(with_emotion=False, attributes=ATTRIBUTES))) as stage:
        page = operator(open_page, stage)
        page.wait_for_selector("body[data-reading=off]")
        assert page.inner_text("#label") == "no emotion is read"
        assert "Smiling" in page.inner_text("#attributes")
        shown = page.inner_text("body")
        assert not [label for label in EMOTIONS if label in shown]
