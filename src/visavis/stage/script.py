"""A scripted spectator, for where there is no camera: it comes, feels, blinks, looks about, and goes away for a while.

It stands where a landmarker would: asked for the faces at a time, it tells what it is doing then. The same seed gives
the same performance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from visavis.portrait.easing import smooth_step
from visavis.types import BLENDSHAPE_INDEX, EMOTIONS, Expression, Face, Float32, Image

__all__ = ["ScriptedFace"]

_ACTS: Final = tuple(label for label in EMOTIONS if label != "neutral")
#: Onset and offset of a played emotion in seconds; a face rises faster than it falls (P. Ekman, "Telling Lies", 1985).
_ONSET_S: Final = 0.6
_OFFSET_S: Final = 1.0
_BLINK_S: Final = 0.25
# Between two visits the room is empty, so that this is played too.
_AWAY_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class _Act:
    start_s: float
    end_s: float
    label: str  # "" while away
    strength: float
    blinks: tuple[float, ...]


class ScriptedFace:
    """A face that plays the emotions of `presets`, in an order and rhythm that `seed` decides.

    >>> face = ScriptedFace({label: Expression() for label in EMOTIONS}, seed=1)
    >>> len(face.detect(np.zeros((480, 640, 3), np.uint8), 0.0))
    1
    """

    def __init__(self, presets: Mapping[str, Expression], *, seed: int = 0) -> None:
        self._presets = dict(presets)
        self._random = np.random.default_rng(seed)
        self._acts: list[_Act] = []
        self._to_come: list[str] = []
        self._origin_s: float | None = None

    def detect(self, image: Image, time_s: float = 0.0) -> tuple[Face, ...]:
        """The scripted face at `time_s`, placed in a picture of the size of `image`; nothing while it is away."""
        if self._origin_s is None:
            self._origin_s = time_s
        now = time_s - self._origin_s
        act = self._act_at(now)
        if not act.label:
            return ()
        height, width = image.shape[:2]
        return (Face(_box_at(now, width, height), blendshapes=self._weights(act, now)),)

    def _act_at(self, now: float) -> _Act:
        while not self._acts or self._acts[-1].end_s <= now:
            self._acts.append(self._next_act(self._acts[-1] if self._acts else None))
            # What is long past is not needed again.
            del self._acts[:-4]
        return next((act for act in self._acts if act.start_s <= now < act.end_s), self._acts[0])

    def _next_act(self, last: _Act | None) -> _Act:
        start_s = last.end_s if last else 0.0
        arrives = last is None or not last.label
        if not arrives and not self._to_come:
            return _Act(start_s, start_s + _AWAY_S, "", 0.0, ())
        if arrives:
            # A visit: in with a calm face, then every emotion once, in an order of its own.
            self._to_come = [_ACTS[index] for index in self._random.permutation(len(_ACTS))]
        label = "neutral" if arrives else self._to_come.pop()
        calm = label == "neutral"
        length_s = float(self._random.uniform(1.5, 2.5) if calm else self._random.uniform(3.5, 5.5))
        strength = float(self._random.uniform(0.75, 1.0))
        blinks, at = [], start_s + float(self._random.uniform(0.3, 2.5))
        while at < start_s + length_s - _BLINK_S:
            blinks.append(at)
            at += float(self._random.uniform(1.5, 4.5))
        return _Act(start_s, start_s + length_s, label, strength, tuple(blinks))

    def _weights(self, act: _Act, now: float) -> Float32:
        rise = smooth_step((now - act.start_s) / _ONSET_S)
        fall = smooth_step((act.end_s - now) / _OFFSET_S)
        weights = self._presets[act.label].weights * np.float32(act.strength * min(rise, fall))
        for at in act.blinks:
            lid = math.sin(math.pi * min(max((now - at) / _BLINK_S, 0.0), 1.0))
            for name in ("eyeBlinkLeft", "eyeBlinkRight"):
                weights[BLENDSHAPE_INDEX[name]] = max(float(weights[BLENDSHAPE_INDEX[name]]), lid)
        clipped: Float32 = np.clip(weights, 0, 1).astype(np.float32)
        return clipped


def _box_at(now: float, width: int, height: int) -> Float32:
    """It sways from foot to foot, in periods that do not beat together."""
    x = width * (0.5 + 0.18 * math.sin(now / 3.1) + 0.03 * math.sin(now / 0.83))
    y = height * (0.45 + 0.03 * math.sin(now / 2.3))
    half = height * 0.2
    return np.array([x - half * 0.8, y - half, x + half * 0.8, y + half], np.float32)
