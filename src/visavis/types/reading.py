"""What was read from faces, and the state of the live loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from visavis.types.emotion import Emotion, Reason
from visavis.types.expression import Expression
from visavis.types.face import Face

__all__ = ["Reading", "Snapshot"]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read from one face.

    Attributes:
        face: where it is, with its landmarks and blendshapes.
        expression: what a portrait plays of it: steadied and with the person's rest taken off where the face is
            followed, then carried over by `visavis.reading.retargeted`. The scores themselves stay in `face`.
        emotion: probabilities of the seven emotions, or None when no emotion is read (attributes-only mode).
        attributes: probability in [0, 1] by CelebA attribute name, or None when no classifier is loaded.
        reasons: what speaks for the emotion that is told, strongest first; empty unless reasons are asked for.
    """

    face: Face
    expression: Expression
    emotion: Emotion | None = None
    attributes: Mapping[str, float] | None = None
    reasons: tuple[Reason, ...] = ()

    def with_face(self, face: Face) -> Reading:
        """The same reading of a face that was, say, given a track id."""
        return replace(self, face=face)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The state of the live loop after one frame; all that any stage beyond it needs.

    Attributes:
        time_s: when the snapshot was made, in the loop's monotonic seconds.
        frame_time_s: capture time of the frame behind it.
        frame_index: running number of that frame.
        readings: everyone seen, in the order of their boxes from left to right.
        lead: the spectator whom the portrait answers, or None when nobody is there.
        answer: what the portrait plays.
        attract: True while nobody has been there for some time, and the portrait lives by itself.
    """

    time_s: float
    frame_time_s: float
    frame_index: int
    readings: tuple[Reading, ...] = ()
    lead: Reading | None = None
    answer: Expression = field(default_factory=Expression)
    attract: bool = False
