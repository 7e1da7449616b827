"""Reads one face after the other: Face and picture in, Reading out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from visavis.reading.expression import to_expression
from visavis.reading.motion import Stillness
from visavis.reading.protocol import EmotionReader
from visavis.reading.rest import RestingExpression, RestingFace
from visavis.reading.retarget import retargeted
from visavis.reading.smooth import OneEuro, SteadyEmotion
from visavis.types import Emotion, Expression, Face, Image, Reading, Reason

if TYPE_CHECKING:
    from visavis.config import Config

__all__ = ["FaceReader", "Smoothing", "Sparing"]

#: A face unseen for so many seconds is forgotten, and read afresh when it comes back.
_FORGET_AFTER_S: Final = 1.0
#: A network is due at this share of its interval, since frames do not come to the millisecond.
_DUE: Final = 0.9
#: A face is looked at as one that moves below so much stillness.
_STILL: Final = 0.9


class Attributes(Protocol):
    """Tells a face's attributes from its pixels; `visavis.reading.attributes.AttributeReader` is one."""

    def read(self, image: Image, face: Face) -> Mapping[str, float]:
        """Probability in [0, 1] by attribute."""
        ...


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How a face that is followed over time is steadied; see `OneEuro`, `SteadyEmotion`, `RestingFace` and
    `RestingExpression`."""

    min_cutoff_hz: float = 2.0
    beta: float = 1.5
    emotion_time_s: float = 0.15
    hold_odds: float = 1.5
    still_odds: float = 2.0
    switch_evidence: float = 0.125
    min_dwell_s: float = 0.2
    neutral_odds: float = 1.0
    learn_rest: bool = True

    @classmethod
    def of(cls, config: Config) -> Smoothing:
        """What the `[smoothing]` section of a configuration says."""
        return cls(**asdict(config.smoothing))


@dataclass(frozen=True, slots=True)
class Sparing:
    """How rarely the networks look at a face that is followed; what they said holds in between.

    The frames in between leave the cores to the landmarks. In one frame one network runs, so that several faces do not
    make it late; only a face that is new, or has waited for twice its interval, is read all the same.

    Attributes:
        attributes_s: seconds between two readings of attributes, where no emotion is read from them.
        weighed_s: the same where a network may weigh them in: old ones would hold its reading back.
        needed_s: the same where an emotion is read from them and nothing newer: every other frame of 30 a second.
        emotion_s: seconds between two readings of an emotion from pixels while the face holds still: at 30 frames a
            second every third.
        moving_s: the same while it moves, when what it shows may change: every frame.
        reasons_s: seconds between two explanations by a network.
    """

    attributes_s: float = 0.5
    weighed_s: float = 0.25
    needed_s: float = 0.066
    emotion_s: float = 0.1
    moving_s: float = 0.033
    reasons_s: float = 0.5

    def attributes_every_s(self, emotions: EmotionReader | None) -> float:
        """Seconds between two readings of attributes beside a reader of emotion."""
        if emotions is None or emotions.needs == {"blendshapes"}:
            return self.attributes_s
        return self.needed_s if "attributes" in emotions.needs else self.weighed_s


@dataclass(slots=True)
class _Last:
    """When something was last read of a face."""

    time_s: float | None = None


@dataclass(slots=True)
class _Memory:
    """What is remembered of one face that is being followed."""

    time_s: float
    weights: OneEuro
    gaze: OneEuro
    sway: OneEuro
    emotion: SteadyEmotion
    rest: RestingFace | None
    at_rest: RestingExpression | None
    stillness: Stillness = field(default_factory=Stillness)
    attributes_at: _Last = field(default_factory=_Last)
    emotion_at: _Last = field(default_factory=_Last)
    reasons_at: _Last = field(default_factory=_Last)
    attributes_read: Mapping[str, float] | None = None
    emotion_read: Emotion | None = None
    reasons: tuple[Reason, ...] = ()
    reasons_for: str = ""


class FaceReader:
    """Reads expression, attributes and emotion, and steadies those of faces that have a track id.

    >>> import numpy as np
    >>> from visavis.reading import create_emotion_reader
    >>> reader = FaceReader(emotions=create_emotion_reader("blendshapes"))
    >>> face = Face(np.zeros(4, np.float32), blendshapes=np.zeros(52, np.float32))
    >>> reader.read(face).emotion.dominant
    'neutral'

    Args:
        emotions: reads the emotion; without one, `Reading.emotion` is None: nobody's emotion is read or named.
        attributes: the classifier of attributes; without one, `Reading.attributes` is None.
        smoothing: how faces with a track id are steadied over time; None reads every picture on its own.
        sparing: how rarely the networks look at faces with a track id; None lets them look at every frame.
        explain: also tell the reasons for the emotion, `Reading.reasons`.
    """

    def __init__(
        self,
        *,
        emotions: EmotionReader | None = None,
        attributes: Attributes | None = None,
        smoothing: Smoothing | None = Smoothing(),
        sparing: Sparing | None = None,
        explain: bool = False,
    ) -> None:
        self._emotions = emotions
        self._attributes = attributes
        self._smoothing = smoothing
        self._sparing = sparing
        self._explain = explain
        self._memories: dict[int, _Memory] = {}
        self._ran_at_s: float | None = None

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
        memory, dt_s = self._remember(face.track_id, time_s)
        stillness = 0.0 if memory is None else memory.stillness.step(expression.weights, dt_s)
        attributes = self._read_attributes(face, image, memory, time_s)
        emotion = self._read_emotion(face, image, attributes, memory, time_s, stillness=stillness)
        if memory is not None and self._smoothing is not None:
            if emotion is not None and self._emotions is not None:
                if memory.rest is not None:
                    below = self._emotions.unsure_below
                    emotion = memory.rest.step(emotion, dt_s, stillness=stillness, unsure_below=below)
                emotion = memory.emotion.step(emotion, dt_s, stillness=stillness)
            expression = _steady(expression, memory, dt_s)
            if memory.at_rest is not None:
                expression = memory.at_rest.step(expression, dt_s, stillness=stillness)
        played = retargeted(expression)
        reasons = self._reasons(face, image, attributes, emotion, memory, time_s) if self._explain else ()
        return Reading(face=face, expression=played, emotion=emotion, attributes=attributes, reasons=reasons)

    def forget(self) -> None:
        """Drop what is remembered of all faces."""
        self._memories.clear()
        self._ran_at_s = None

    def _read_attributes(
        self, face: Face, image: Image | None, memory: _Memory | None, time_s: float
    ) -> Mapping[str, float] | None:
        # A face that was not found in a picture (a scripted one) has no keypoints, and nothing to read them from.
        if self._attributes is None or image is None or face.keypoints is None:
            return None
        if memory is None or self._sparing is None:
            return self._attributes.read(image, face)
        every_s = self._sparing.attributes_every_s(self._emotions)
        if self._is_due(memory.attributes_at, every_s, time_s):
            memory.attributes_read = self._attributes.read(image, face)
        return memory.attributes_read

    def _read_emotion(
        self,
        face: Face,
        image: Image | None,
        attributes: Mapping[str, float] | None,
        memory: _Memory | None,
        time_s: float,
        *,
        stillness: float,
    ) -> Emotion | None:
        reader = self._reader_of(face, image, attributes)
        if reader is None:
            return None
        # A table takes microseconds; only what looks at pixels is spared.
        if memory is None or self._sparing is None or "pixels" not in reader.needs:
            return reader.read(face, image=image, attributes=attributes)
        every_s = self._sparing.emotion_s if stillness >= _STILL else self._sparing.moving_s
        if self._is_due(memory.emotion_at, every_s, time_s, patience_s=self._sparing.emotion_s):
            memory.emotion_read = reader.read(face, image=image, attributes=attributes)
        return memory.emotion_read

    def _reader_of(
        self, face: Face, image: Image | None, attributes: Mapping[str, float] | None
    ) -> EmotionReader | None:
        """The reader, or the table of blendshapes for a face that has nothing else: a scripted one."""
        if self._emotions is None:
            return None
        needs = self._emotions.needs
        blind = "pixels" in needs and (image is None or face.keypoints is None)
        return self._for_scripts if blind or ("attributes" in needs and attributes is None) else self._emotions

    @cached_property
    def _for_scripts(self) -> EmotionReader:
        from visavis.reading.emotion import create_emotion_reader

        return create_emotion_reader("blendshapes")

    def _reasons(
        self,
        face: Face,
        image: Image | None,
        attributes: Mapping[str, float] | None,
        emotion: Emotion | None,
        memory: _Memory | None,
        time_s: float,
    ) -> tuple[Reason, ...]:
        reader = self._reader_of(face, image, attributes)
        if reader is None or emotion is None:
            return ()
        label = emotion.dominant
        if memory is None or self._sparing is None:
            return reader.explain(face, image=image, attributes=attributes, label=label)
        if "pixels" in reader.needs:
            due = self._is_due(memory.reasons_at, self._sparing.reasons_s, time_s)
        else:
            last_s = memory.reasons_at.time_s
            due = last_s is None or not 0 <= time_s - last_s < self._sparing.emotion_s
        # A label that has just changed is explained at once, whatever else ran: that is rare, and the reasons at hand
        # are those of another label.
        if due or memory.reasons_for != label:
            memory.reasons = reader.explain(face, image=image, attributes=attributes, label=label)
            memory.reasons_for, memory.reasons_at.time_s = label, time_s
        return memory.reasons

    def _is_due(self, last: _Last, every_s: float, time_s: float, *, patience_s: float = 0.0) -> bool:
        """Whether a network may look now; then it is taken to have looked.

        After another network in the same frame it waits for twice its interval, or `patience_s` if that is longer.
        """
        if last.time_s is not None and time_s >= last.time_s:
            waited_s = time_s - last.time_s
            longest_s = 2 * _DUE * max(every_s, patience_s)
            if waited_s < _DUE * every_s or (self._ran_at_s == time_s and waited_s < longest_s):
                return False
        last.time_s = self._ran_at_s = time_s
        return True

    def _remember(self, track_id: int | None, time_s: float) -> tuple[_Memory | None, float]:
        """What is known of a face, and the seconds since it was last seen; None for a face that nobody follows."""
        if track_id is None or (self._smoothing is None and self._sparing is None):
            return None, 0.0
        for key in [key for key, known in self._memories.items() if time_s - known.time_s > _FORGET_AFTER_S]:
            del self._memories[key]
        memory = self._memories.get(track_id)
        if memory is None or time_s < memory.time_s:
            memory = self._memories[track_id] = _new_memory(self._smoothing or Smoothing(), time_s)
        dt_s = time_s - memory.time_s
        memory.time_s = time_s
        return memory, dt_s


def _steady(expression: Expression, memory: _Memory, dt_s: float) -> Expression:
    return replace(
        expression,
        weights=memory.weights.step(expression.weights, dt_s),
        gaze=memory.gaze.step(expression.gaze, dt_s),
        sway=memory.sway.step(expression.sway, dt_s),
    )


def _new_memory(how: Smoothing, time_s: float) -> _Memory:
    def one_euro(unit: float) -> OneEuro:
        # beta is told for values that run from 0 to 1: `unit` is the reach of values that do not.
        return OneEuro(min_cutoff_hz=how.min_cutoff_hz, beta=how.beta / unit)

    return _Memory(
        time_s=time_s,
        weights=one_euro(1.0),
        gaze=one_euro(1.0),
        sway=one_euro(30.0),
        emotion=SteadyEmotion(
            time_constant_s=how.emotion_time_s,
            hold_odds=how.hold_odds,
            still_odds=how.still_odds,
            switch_evidence=how.switch_evidence,
            min_dwell_s=how.min_dwell_s,
            neutral_odds=how.neutral_odds,
        ),
        rest=RestingFace() if how.learn_rest else None,
        at_rest=RestingExpression() if how.learn_rest else None,
    )
