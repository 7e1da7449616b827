"""Whether somebody is there, and what a portrait's life makes of it.

While somebody is there, the portrait answers, and blinks and breathes besides; its eyes stay with them. Left alone for
some seconds it lives by itself, to be noticed: it looks about, turns its head a little, and now and then something
faint crosses its face. When somebody comes, eyes and head go to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.easing import minimum_jerk
from visavis.portrait.life import Life, animate
from visavis.portrait.passage import frame_times
from visavis.types import Expression, Reading

__all__ = ["Lived", "Play", "Presence"]

#: Seconds over which a portrait comes to itself when it is alone, and to whoever appears.
_WITHDRAW_S: Final = 2.5
_TURN_S: Final = 0.7


class Presence:
    """Adds life to what a portrait answers, by the time that goes by.

    It has no clock of its own. What it keeps is how long it has lived, for how long it has been alone, and how far it
    has come to itself; the rest is `Life`.

    Args:
        life: what is added.
        attract_after_s: seconds alone after which the portrait lives by itself; 0 for never.
        moods: the Expression of each emotion, for what crosses its face then.
        mode: as the Answerer's; in `mirror` the spectator's own blinks and looks are enough.

    >>> presence = Presence(Life(seed=1), attract_after_s=5.0)
    >>> presence.step(Expression(), None, 0.0).is_neutral, presence.attract
    (True, False)
    """

    def __init__(
        self,
        life: Life,
        *,
        attract_after_s: float = 0.0,
        moods: Mapping[str, Expression] | None = None,
        mode: str = "answer",
    ) -> None:
        self._life = life
        self._attract_after_s = attract_after_s
        self._moods = moods
        self._mode = mode
        self._lived_s = 0.0
        self._alone_s = 0.0
        self._withdrawn = 0.0
        self._mirrored = 0.0

    @property
    def attract(self) -> bool:
        """True while nobody has been there for long enough, and the portrait lives by itself."""
        return 0 < self._attract_after_s <= self._alone_s

    def step(self, answer: Expression, reading: Reading | None, dt: float) -> Expression:
        """`answer` with life, `dt` seconds after the last step; `reading` is of whoever is there, None for nobody."""
        dt = max(dt, 0.0)
        self._lived_s += dt
        self._alone_s = self._alone_s + dt if reading is None else 0.0
        self._withdrawn = _moved(self._withdrawn, dt / _WITHDRAW_S if self.attract else -dt / _TURN_S)
        # What is mirrored has the spectator's own blinks, as long as the spectator is there.
        mirrors = reading is not None and (self._mode == "mirror" or reading.emotion is None)
        self._mirrored = _moved(self._mirrored, dt / _TURN_S if mirrors else -dt / _TURN_S)
        return animate(
            answer,
            self._life.at(self._lived_s),
            solitude=float(minimum_jerk(self._withdrawn)),
            mirrored=self._mirrored,
            moods=self._moods,
        )


def _moved(share: float, change: float) -> float:
    return min(max(share + change, 0.0), 1.0)


class Play(Protocol):
    """Expressions over time; a `Passage` and a `Timeline` are."""

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        ...

    def at(self, time_s: float) -> Expression:
        """The expression at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Lived:
    """A film of a portrait that lives, alone or while it plays something.

    Attributes:
        life: what is added.
        duration_s: how long the film lasts.
        play: what it plays besides, looking at somebody; None: it is alone.
        moods: the Expression of each emotion, for what crosses a lonely face.
    """

    life: Life
    duration_s: float
    play: Play | None = None
    moods: Mapping[str, Expression] | None = None

    def at(self, time_s: float) -> Expression:
        """The expression at a time."""
        played = self.play.at(time_s) if self.play is not None else Expression()
        return animate(played, self.life.at(time_s), solitude=1.0 if self.play is None else 0.0, moods=self.moods)

    def frame_times(self, frames_per_second: float) -> NDArray[np.float64]:
        """When to draw, in seconds: the first frame at 0, none at or after the end."""
        return frame_times(self.duration_s, frames_per_second)
