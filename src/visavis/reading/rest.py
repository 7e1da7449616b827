"""What a person's face looks like at rest, learnt while it is watched, so that low brows are not taken for anger.

`RestingFace` takes it off an emotion, `RestingExpression` off what a portrait is to play: at rest it is the painting.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.types import BLENDSHAPES, EMOTIONS, Emotion, Expression, Float32

__all__ = ["RestingExpression", "RestingFace"]

#: Log-odds of an emotion against `neutral` that a resting face may show without being out of the ordinary.
_USUAL: Final = -1.0
#: By how many units more a face at rest may seem to show each emotion, and be believed to be at rest. Brows, lids and
#: the corners of the mouth hang as they do, so sadness, anger and disgust get the most; a smile or a dropped jaw takes
#: an effort, and is next to never a face's rest.
_BOUNDS: Final = {
    "neutral": 1.0,
    "joy": 0.25,
    "surprise": 0.25,
    "sadness": 1.2,
    "anger": 1.2,
    "fear": 0.8,
    "disgust": 1.2,
}
_BOUND: Final = np.array([_BOUNDS[label] for label in EMOTIONS], np.float32)
#: The same of blendshapes, by how their names begin: brows and lids of many are read as raised or narrowed at rest, the
#: more so by a camera that stands low. A smile or a dropped jaw is next to never a face's rest.
_HELD: Final = {
    "brow": 0.5,
    "eyeSquint": 0.5,
    "eyeWide": 0.25,
    "nose": 0.3,
    "jaw": 0.08,
    "mouthPress": 0.4,
    "mouth": 0.2,
}
_SMILES: Final = ("mouthSmile", "mouthUpperUp", "cheek", "mouthDimple")
_SMILE: Final = 0.1
#: A face is calm, and may show that its rest was learnt too high, while nothing of it is beyond its rest by more.
_CALM: Final = 0.1
#: A resting gaze goes to the portrait, wherever the camera is.
_GAZE: Final = 0.4
_WEIGHTS: Final = len(BLENDSHAPES)
#: Seconds of stillness that weigh as much as what is known of faces in general: that there is nothing to take off.
_PRIOR_S: Final = 0.4
#: Seconds of stillness after which a face is known.
_LEARN_S: Final = 3.0
#: Seconds in which a rest that was learnt too high comes down to a calmer face.
_FALL_S: Final = 1.5
_STILL_ENOUGH: Final = 0.9


class RestingFace:
    """Learns one person's face at rest over its first still seconds, and takes it off what is read.

    The rest is the median, over frames in which the face holds still, of the log-odds of each emotion against
    `neutral`. What of it is out of the ordinary is taken off later readings, bounded and by degrees:

    - it is drawn towards the rest of faces in general, nothing to take off, by a weight of 0.4 s: it grows with what
      was seen;
    - no emotion loses more than its bound, so an emotion that is clear stays the one that is told;
    - what lies far beyond the bound is no rest but an expression: from twice the bound on less is taken off, from
      three times nothing. A smile held from the first frame stays a smile;
    - it is learnt over the first 3 s of stillness. Later it may only fall: a calmer face shows what its rest is.

    >>> rest = RestingFace()
    >>> frown = Emotion.from_mapping({"anger": 0.45, "neutral": 0.4, "sadness": 0.15})
    >>> for _ in range(60):
    ...     told = rest.step(frown, 1 / 30)
    >>> told.dominant
    'neutral'
    """

    def __init__(self) -> None:
        self._learnt = _Learnt(_USUAL, _BOUND)

    @property
    def correction(self) -> dict[str, float]:
        """What is taken off the log-odds of each emotion, in the order of `EMOTIONS`, 0 for `neutral`."""
        return {label: float(value) for label, value in zip(EMOTIONS, self._correction(), strict=True)}

    def step(self, emotion: Emotion, dt_s: float, *, stillness: float = 1.0, unsure_below: float = 0.0) -> Emotion:
        """The emotion with the person's rest taken off, `dt_s` seconds after the step before.

        Args:
            emotion: as a reader gives it.
            dt_s: seconds since the last step.
            stillness: of the face, as `Stillness` tells it; a face that moves teaches nothing.
            unsure_below: the reader's own threshold.
        """
        odds = np.log(np.maximum(emotion.probabilities, 1e-6))
        odds = (odds - odds[0]).astype(np.float32)
        if stillness >= _STILL_ENOUGH and dt_s > 0:
            self._learnt.learn(odds, dt_s, calm=bool((odds - self._correction()).max() <= 0))
        corrected = odds - self._correction()
        shares = np.exp(corrected - corrected.max())
        probabilities = (shares / shares.sum()).astype(np.float32)
        return Emotion(probabilities, bool(probabilities.max() < unsure_below), emotion.extent)

    def _correction(self) -> Float32:
        """(7,) float32, at least 0."""
        correction = self._learnt.correction()
        correction[0] = 0
        return correction


class RestingExpression:
    """Learns how one person's expression is read at rest, as `RestingFace` does, and takes it off what is read.

    What is left of a weight is stretched to [0, 1] again. A gaze is counted from where it rests, to any side.

    >>> rest = RestingExpression()
    >>> brows = Expression.from_mapping({"browInnerUp": 0.4, "mouthSmileLeft": 0.8})
    >>> for _ in range(90):
    ...     played = rest.step(brows, 1 / 30)
    >>> played["browInnerUp"] < 0.1, played["mouthSmileLeft"] > 0.79
    (True, True)
    """

    def __init__(self) -> None:
        # Weights have one side, and gaze has two: left and right, up and down are learnt each by itself.
        # Who looks away does not show that the resting gaze was learnt too far off.
        falls = np.arange(_WEIGHTS + 4) < _WEIGHTS
        self._learnt = _Learnt(0.0, np.concatenate([_held(), np.full(4, _GAZE, np.float32)]), falls=falls)

    def step(self, expression: Expression, dt_s: float, *, stillness: float = 1.0) -> Expression:
        """The expression with the person's rest taken off, `dt_s` seconds after the step before."""
        weights, gaze = expression.weights, expression.gaze
        if stillness >= _STILL_ENOUGH and dt_s > 0:
            sides = np.maximum(np.concatenate([gaze, -gaze]), 0)
            beyond = weights - self._learnt.correction()[:_WEIGHTS]
            self._learnt.learn(np.concatenate([weights, sides]), dt_s, calm=bool(beyond.max() <= _CALM))
        rest = self._learnt.correction()
        sides = rest[_WEIGHTS:].reshape(2, 2)
        return replace(
            expression,
            weights=np.clip((weights - rest[:_WEIGHTS]) / (1 - rest[:_WEIGHTS]), 0, 1),
            gaze=np.clip(gaze - sides[0] + sides[1], -1, 1),
        )


def _held() -> Float32:
    """(52,) float32: how much of each weight may be a face's rest."""
    bounds = np.full(_WEIGHTS, _SMILE, np.float32)
    for index, name in enumerate(BLENDSHAPES):
        if not name.startswith(_SMILES):
            bounds[index] = next((bound for part, bound in _HELD.items() if name.startswith(part)), _SMILE)
    return bounds


class _Learnt:
    """The median of what a still face shows over its first seconds, and how much of it counts as rest.

    `usual` is what any face may show, `bound` how much more of each value is believed to be rest, `falls` which of them
    a calmer face may bring down later.
    """

    def __init__(self, usual: float, bound: Float32, *, falls: NDArray[np.bool_] | None = None) -> None:
        self._usual, self._bound = usual, bound
        self._falls = np.ones(len(bound), np.bool_) if falls is None else falls
        self._seen: list[Float32] = []
        self._still_s = 0.0
        self._rest: Float32 | None = None
        self._slow: Float32 | None = None

    def correction(self) -> Float32:
        """(N,) float32 like the bound, at least 0."""
        if self._rest is None:
            return np.zeros_like(self._bound)
        beyond = np.maximum(self._rest - self._usual, 0) / self._bound
        # Up to the bound all is taken off, up to twice the bound no more than that, and at three times nothing.
        share = np.minimum(beyond, 1) * np.clip(3 - beyond, 0, 1)
        known = self._still_s / (self._still_s + _PRIOR_S)
        return np.asarray(share * self._bound * np.float32(known), np.float32)

    def learn(self, values: Float32, dt_s: float, *, calm: bool = True) -> None:
        """Take in what a still face shows; a face that is known teaches only while it is calm."""
        if self._still_s < _LEARN_S:
            self._seen.append(values)
            self._still_s += dt_s
            self._rest = np.median(np.stack(self._seen), axis=0).astype(np.float32)
            self._slow = self._rest.copy()
            if self._still_s >= _LEARN_S:
                self._seen.clear()
        elif self._slow is not None and self._rest is not None and calm:
            self._slow += np.float32(1 - math.exp(-dt_s / _FALL_S)) * (values - self._slow)
            self._rest = np.where(self._falls, np.minimum(self._rest, self._slow), self._rest)
