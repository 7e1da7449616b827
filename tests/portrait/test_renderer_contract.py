"""Our own renderer keeps the contract, and the contract notices those that do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints

import cv2
import numpy as np
import pytest

from visavis.errors import ConfigError, MissingPackageError
from visavis.portrait import renderers
from visavis.portrait.contract import RendererContract, broken_promises
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.render import MeshRenderer, PortraitRenderer
from visavis.portrait.renderers import RENDERERS, renderer_factory, renderer_names
from visavis.portrait.rig import Rig
from visavis.types import Expression, Image


class TestMesh(RendererContract):
    def make(self, rig: Rig) -> PortraitRenderer:
        return RENDERERS["mesh"](rig)


class Spoilt:
    """The mesh renderer with something done to its pictures."""

    def __init__(self, rig: Rig, spoil: Callable[[Image, Expression], Image]) -> None:
        self._inner, self._spoil = MeshRenderer(rig), spoil

    def render(self, expression: Expression) -> Image:
        return self._spoil(self._inner.render(expression), expression)


def _leak(image: Image, expression: Expression) -> Image:
    if not expression.is_neutral:
        image[-1, -1] ^= 1
    return image


def _blur(image: Image, expression: Expression) -> Image:
    return image if expression.is_neutral else cv2.GaussianBlur(image, (0, 0), 1.5)


def _restless(image: Image, expression: Expression) -> Image:
    return np.asarray(image ^ 1, np.uint8)


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (_leak, "test_an_emotion_changes_the_face_and_leaves_the_background"),
        (_blur, "test_the_paint_keeps_its_texture"),
        (_restless, "test_rest_gives_back_the_painting_bit_for_bit"),
    ],
    ids=["leak", "blur", "restless"],
)
def test_a_renderer_that_breaks_a_promise_is_found_out(
    small_head: OpenPortrait, spoil: Callable[[Image, Expression], Image], broken: str
) -> None:
    assert broken in broken_promises(lambda rig: Spoilt(rig, spoil), small_head)


def test_what_a_renderer_raises_is_told(small_head: OpenPortrait) -> None:
    def faint(image: Image, expression: Expression) -> Image:
        if expression.sway.any():
            raise ZeroDivisionError("no turning")
        return image

    broken = broken_promises(lambda rig: Spoilt(rig, faint), small_head)
    assert broken["test_even_everything_at_once_leaves_the_background"] == "ZeroDivisionError: no turning"
    assert "test_it_is_deterministic" not in broken


def test_the_contract_holds_where_assertions_are_left_out() -> None:
    code = (
        "from visavis.portrait.contract import RendererContract\n"
        "RendererContract.renderer = object()\n"
        "RendererContract().test_it_is_a_portrait_renderer()"
    )
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False)
    assert "AssertionError: object has no method `render`" in done.stderr


def test_a_contract_without_a_renderer_says_what_it_needs() -> None:
    with pytest.raises(NotImplementedError, match="make"):
        RendererContract().make(None)  # type: ignore[arg-type]


def plug_in(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    found = EntryPoints(EntryPoint(name, value, renderers.GROUP) for name, value in values.items())
    monkeypatch.setattr(renderers, "entry_points", lambda group: found.select(group=group))


def test_a_plug_in_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, oil="visavis.portrait.render:MeshRenderer", mesh="nowhere:Nothing")
    assert renderer_names() == ("mesh", "oil")
    assert renderer_factory("oil") is renderer_factory("mesh") is MeshRenderer


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("no_such_package:Renderer", MissingPackageError, "cannot be imported"),
        ("visavis.portrait.render:Nobody", MissingPackageError, "cannot be imported"),
        ("visavis.portrait.rig:MOTIONS", ConfigError, "expected something to call"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, value: str, error: type[Exception], words: str
) -> None:
    plug_in(monkeypatch, oil=value)
    with pytest.raises(error, match=words):
        renderer_factory("oil")


def test_an_unknown_renderer_lists_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch)
    with pytest.raises(ConfigError, match="there are: mesh"):
        renderer_factory("oil")
