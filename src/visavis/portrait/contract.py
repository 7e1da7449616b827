"""What every renderer of portraits must keep, as tests that a package of another renderer can run.

    # tests/test_my_renderer.py
    from visavis.portrait.contract import RendererContract

    class TestNeural(RendererContract):
        def make(self, rig):
            return NeuralRenderer(rig)

pytest finds the tests that the class inherits; without pytest, `broken_promises(factory, portrait)` says in words what
is not kept. See docs/renderers.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from visavis.portrait.gallery import DEFAULT_PORTRAIT, OpenPortrait, open_portrait
from visavis.portrait.paint import texture_energy
from visavis.portrait.presets import emotion_preset, emotion_presets
from visavis.portrait.render import PortraitRenderer
from visavis.portrait.renderers import RendererFactory
from visavis.portrait.rig import Rig
from visavis.portrait.score.rest import FAR, far_from_face, inside_face
from visavis.types import BLENDSHAPES, EMOTIONS, Expression, Float32, Image

__all__ = ["GROWING", "RendererContract", "broken_promises"]

#: Blendshapes that move more, the more they weigh; one at a time or both sides together.
GROWING: Final = (
    ("mouthSmileLeft", "mouthSmileRight"),
    ("jawOpen",),
    ("browInnerUp",),
    ("browDownLeft", "browDownRight"),
    ("eyeBlinkLeft", "eyeBlinkRight"),
    ("mouthFrownLeft", "mouthFrownRight"),
    ("mouthPucker",),
    ("noseSneerLeft", "noseSneerRight"),
)

#: A blendshape is seen when so many pixels change by more than so many levels. Of the Madonna's lowered right eye, on
#: the far side of the face, some sixty pixels of iris are all there is to turn.
_SEEN_PIXELS: Final = 40
_SEEN_LEVELS: Final = 4
#: The mean change of an emotion around the face, in levels, is at least this.
_EMOTION_LEVELS: Final = 0.8
#: Nor does one frame differ from the last by so much, when an emotion comes in half a second.
_JUMP_LEVELS: Final = 12.0
#: Texture energy inside the face stays within these bounds of the painting's; lips and lids uncover what had none.
_TEXTURE: Final = (0.7, 1.6)


class RendererContract:
    """Tests for one renderer: derive a class whose name begins with `Test`, and give it `make`."""

    #: The renderer and its portrait, made once for all tests of the class.
    renderer: ClassVar[PortraitRenderer]
    opened: ClassVar[OpenPortrait]

    def make(self, rig: Rig) -> PortraitRenderer:
        """The renderer of a rig."""
        raise NotImplementedError("a contract needs a renderer: give the class a method `make(self, rig)`")

    def portrait(self) -> OpenPortrait:
        """The portrait that is rendered; the default one unless this is given anew."""
        from visavis.assets import AssetStore

        return open_portrait(DEFAULT_PORTRAIT, assets=AssetStore())

    @classmethod
    def setup_class(cls) -> None:
        """Rig the portrait and make the renderer; pytest calls this."""
        cls.opened = cls().portrait()
        cls.renderer = cls().make(cls.opened.rig)

    def test_it_is_a_portrait_renderer(self) -> None:
        """It has `render`."""
        _promise(isinstance(self.renderer, PortraitRenderer), f"{type(self.renderer).__name__} has no method `render`")

    def test_rest_gives_back_the_painting_bit_for_bit(self) -> None:
        """Zero weights, whatever they were made from, are the painting."""
        for rest in (Expression(), Expression.from_mapping({"_neutral": 1.0}), emotion_preset("joy", 0.0)):
            np.testing.assert_array_equal(self.renderer.render(rest), self.opened.image)

    def test_what_is_rendered_belongs_to_the_caller(self) -> None:
        """Writing into a picture changes no later one."""
        self.renderer.render(Expression())[:] = 0
        self.renderer.render(emotion_preset("joy"))[:] = 0
        np.testing.assert_array_equal(self.renderer.render(Expression()), self.opened.image)

    def test_an_emotion_changes_the_face_and_leaves_the_background(self) -> None:
        """Each emotion is seen, and pixels far from the face stay as they are."""
        for label in EMOTIONS[1:]:
            image = self.renderer.render(emotion_preset(label))
            _promise(image.shape == self.opened.image.shape, f"{label} has another shape, {image.shape}")
            _promise(image.dtype == np.uint8, f"{label} is {image.dtype}, not uint8")
            _promise(self._change(image).mean() > _EMOTION_LEVELS, f"{label} hardly changes the face")
            self._check_background(image, label)

    def test_even_everything_at_once_leaves_the_background(self) -> None:
        """All blendshapes, gaze and a strong sway together."""
        most = Expression(np.ones(52, np.float32), np.ones(2, np.float32), np.array([25, -25, 25], np.float32))
        self._check_background(self.renderer.render(most), "everything at once")

    def test_it_is_deterministic(self) -> None:
        """The same expression gives the same pixels, whatever was played between."""
        first = self.renderer.render(emotion_preset("surprise"))
        self.renderer.render(emotion_preset("anger"))
        np.testing.assert_array_equal(self.renderer.render(emotion_preset("surprise")), first)

    def test_every_blendshape_can_be_seen(self) -> None:
        """Each but `_neutral` changes pixels."""
        for name in BLENDSHAPES[1:]:
            change = self._change(self.renderer.render(Expression.from_mapping({name: 1.0})))
            seen = np.count_nonzero(change.max(axis=2) > _SEEN_LEVELS)
            _promise(seen > _SEEN_PIXELS, f"{name} changes {seen} pixels")

    def test_more_weight_moves_more(self) -> None:
        """Of eight kinds of motion, at weights 0, 0.25, ... 1."""
        for names in GROWING:
            amounts = [
                float(self._change(self.renderer.render(Expression.from_mapping(dict.fromkeys(names, weight)))).mean())
                for weight in (0.0, 0.25, 0.5, 0.75, 1.0)
            ]
            _promise(amounts[0] == 0, f"{names} at weight 0 changes the face")
            _promise(all(later > earlier for earlier, later in pairwise(amounts)), f"{names} changes by {amounts}")

    def test_a_ramp_of_half_a_second_never_jumps(self) -> None:
        """Frame by frame from rest to an emotion."""
        for label in ("joy", "surprise"):
            frames = [self._face(self.renderer.render(emotion_preset(label, step / 12))) for step in range(13)]
            jumps = [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(frames)]
            _promise(max(jumps) < _JUMP_LEVELS, f"{label} jumps by {jumps}")

    def test_random_expressions_are_drawn(self) -> None:
        """Whatever a face may do, with gaze and sway."""
        for expression in _random_expressions():
            shape = self.renderer.render(expression).shape
            _promise(shape == self.opened.image.shape, f"a random expression has another shape, {shape}")

    def test_the_paint_keeps_its_texture(self) -> None:
        """Variance of the Laplacian inside the face, which falls when a renderer blurs."""
        face = inside_face(self.opened.rig.landmarks, self.opened.image.shape)
        rest = texture_energy(self.opened.image, face)
        ratios = {
            label: texture_energy(self.renderer.render(expression), face) / rest
            for label, expression in emotion_presets().items()
            if label != "neutral"
        }
        _promise(all(_TEXTURE[0] < ratio < _TEXTURE[1] for ratio in ratios.values()), f"texture: {ratios}")

    def _face(self, image: Image) -> Float32:
        x0, y0, x1, y1 = self.opened.rig.grid.box
        return image[y0:y1, x0:x1].astype(np.float32)

    def _change(self, image: Image) -> Float32:
        return np.asarray(np.abs(self._face(image) - self._face(self.opened.image)))

    def _check_background(self, image: Image, what: str) -> None:
        rig = self.opened.rig
        far = far_from_face(rig.landmarks, rig.face_width, image.shape)
        changed = int(np.count_nonzero((image != self.opened.image).any(axis=2) & far))
        _promise(changed == 0, f"{what} changes {changed} pixels farther than {FAR} face widths from the face")


def broken_promises(factory: RendererFactory, portrait: OpenPortrait) -> Mapping[str, str]:
    """Which of the contract's tests a renderer fails, and how, without pytest; empty for one that keeps them all.

    Args:
        factory: makes the renderer from the rig; what it raises is not caught.
        portrait: to be rendered.

    Returns:
        What is wrong, by the name of the test; what the renderer raises counts as a promise that is not kept.
    """

    class Contract(RendererContract):
        def make(self, rig: Rig) -> PortraitRenderer:
            return factory(rig)

        def portrait(self) -> OpenPortrait:
            return portrait

    Contract.setup_class()
    contract, broken = Contract(), {}
    for name in _tests():
        try:
            getattr(contract, name)()
        except AssertionError as error:
            broken[name] = " ".join(str(error).split()) or "not kept"
        except Exception as error:
            broken[name] = f"{type(error).__name__}: {error}"
    return broken


def _promise(kept: object, otherwise: str) -> None:
    # Not `assert`: `python -O` leaves those out, and every renderer would keep everything.
    if not kept:
        raise AssertionError(otherwise)


def _tests() -> Sequence[str]:
    return [name for name in vars(RendererContract) if name.startswith("test_")]


def _random_expressions() -> Iterator[Expression]:
    random = np.random.default_rng(7)
    for _ in range(6):
        weights = (random.random(52) * (random.random(52) < 0.4)).astype(np.float32)
        gaze = random.uniform(-1, 1, 2).astype(np.float32)
        yield Expression(weights, gaze, random.normal(0, 6, 3).astype(np.float32))
