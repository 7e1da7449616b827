"""Reads one face after the other: Face and picture in, Reading out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from visavis.reading.emotion import EmotionReader
from visavis.reading.expression import to_expression
from visavis.reading.smooth import OneEuro, SteadyEmotion
from visavis.types import Emotion, Expression, Face, Image, Reading

__all__ = ["FaceReader", "Smoothing"]

#: A face unseen for so many seconds is forgotten, and read afresh when it comes back.
_FORGET_AFTER_S: Final = 1.0


class Attributes(Protocol):
    """Tells a face's attributes from its pixels; `visavis.reading.attributes.AttributeReader` is one."""

    def read(self, image: Image, face: Face) -> Mapping[str, float]:
        """Probability in [0, 1] by attribute."""
        ...


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How a face that is followed over time is steadied; see `OneEuro` and `SteadyEmotion`."""

    min_cutoff_hz: float = 2.0
    beta: float = 1.5
    emotion_time_s: float = 0.3
    hold_odds: float = 1.5
    min_dwell_s: float = 0.7


@dataclass(slots=True)
class _Memory:
    """What is remembered of one face that is being followed."""

    time_s: float
    weights: OneEuro
    gaze: OneEuro
    sway: OneEuro
    emotion: SteadyEmotion


class FaceReader:
    """Reads expression and emotion, and steadies those of faces that have a track id.

    >>> reader = FaceReader(emotions=create_emotion_reader("blendshapes"))
    >>> face = Face(np.zeros(4, np.float32), blendshapes=np.zeros(52, np.float32))
    >>> reader.read(face).emotion.dominant
    'neutral'

    Args:
        emotions: reads the emotion; without one, `Reading.emotion` is None: nobody's emotion is read or named.
        attributes: the classifier of attributes; without one, `Reading.attributes` is None.
        smoothing: how faces with a track id are steadied over time; None reads every picture on its own.
    """

    def __init__(
        self,
        *,
        emotions: EmotionReader | None = None,
        attributes: Attributes | None = None,
        smoothing: Smoothing | None = Smoothing(),
    ) -> None:
        self._emotions = emotions
        self._attributes = attributes
        self._smoothing = smoothing
        self._memories: dict[int, _Memory] = {}

    def read(self, face: Face, image: Image | None = None, time_s: float = 0.0) -> Reading:
        """Read one face.

        Args:
            face: with blendshapes; its track id, if any, ties it to earlier readings.
            image: the (H, W, 3) RGB uint8 picture that it was found in; attributes are read from it.
            time_s: when the picture was taken; for one face, times must rise.

        Raises:
            ValueError: the face has no blendshapes.
        """
        expression = to_expression(face)
        attributes = None
        # A face that was not found in a picture (a scripted one) has no keypoints, and nothing to read them from.
        if self._attributes is not None and image is not None and face.keypoints is not None:
            attributes = self._attributes.read(image, face)
        emotion = None
        if self._emotions is not None:
            emotion = self._emotions.read(face, image=image, attributes=attributes)
        if self._smoothing is not None and face.track_id is not None:
            expression, emotion = self._steady(face.track_id, expression, emotion, time_s)
        return Reading(face=face, expression=expression, emotion=emotion, attributes=attributes)

    def forget(self) -> None:
        """Drop what is remembered of all faces."""
        self._memories.clear()

    def _steady(
        self, track_id: int, expression: Expression, emotion: Emotion | None, time_s: float
    ) -> tuple[Expression, Emotion | None]:
        for key in [key for key, known in self._memories.items() if time_s - known.time_s > _FORGET_AFTER_S]:
            del self._memories[key]
        memory = self._memories.get(track_id)
        if memory is None or time_s < memory.time_s:
            memory = self._memories[track_id] = self._new_memory(time_s)
        dt_s = time_s - memory.time_s
        memory.time_s = time_s
        steadied = replace(
            expression,
            weights=memory.weights.step(expression.weights, dt_s),
            gaze=memory.gaze.step(expression.gaze, dt_s),
            sway=memory.sway.step(expression.sway, dt_s),
        )
        return steadied, None if emotion is None else memory.emotion.step(emotion, dt_s)

    def _new_memory(self, time_s: float) -> _Memory:
        how = self._smoothing or Smoothing()

        def one_euro(unit: float) -> OneEuro:
            # beta is told for values that run from 0 to 1: `unit` is the reach of values that do not.
            return OneEuro(min_cutoff_hz=how.min_cutoff_hz, beta=how.beta / unit)

        return _Memory(
            time_s=time_s,
            weights=one_euro(1.0),
            gaze=one_euro(1.0),
            sway=one_euro(30.0),
            emotion=SteadyEmotion(
                time_constant_s=how.emotion_time_s, hold_odds=how.hold_odds, min_dwell_s=how.min_dwell_s
            ),
        )
