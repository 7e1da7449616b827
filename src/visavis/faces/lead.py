"""Who among the spectators leads the portrait: one of several policies, and the patience not to flicker between two."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, Literal, get_args

import numpy as np

from visavis.errors import ConfigError
from visavis.types import Face

__all__ = ["LEAD_POLICIES", "LeadKind", "LeadPolicy"]

LeadKind = Literal["largest", "nearest-centre", "longest", "average", "turn-taking"]
LEAD_POLICIES: Final = get_args(LeadKind)


class LeadPolicy:
    """Chooses the spectator whom the portrait answers.

        largest         who stands nearest, as the face's area tells
        nearest-centre  who stands most nearly in front of the portrait
        longest         who has been there longest
        average         nobody in particular: everybody's expression, averaged, at the place of the largest
        turn-taking     each in turn, for `turn_s` seconds

    The lead changes only when another has been better by a factor of `advantage` for `patience_s` seconds without a
    break, or has left for longer than `absence_s`: two faces of the same size never make it flicker.

    Args:
        kind: the policy.
        advantage: how many times better a challenger must be; at least 1.
        patience_s: for how long, in seconds.
        absence_s: how long, in seconds, the place of a lead who was lost stays free while others are there.
        turn_s: length of a turn in seconds.

    Raises:
        ConfigError: an unknown policy, or a value out of range.
    """

    def __init__(
        self,
        kind: LeadKind = "largest",
        *,
        advantage: float = 1.25,
        patience_s: float = 0.7,
        absence_s: float = 0.5,
        turn_s: float = 8.0,
    ) -> None:
        if kind not in LEAD_POLICIES:
            raise ConfigError(f"unknown lead policy {kind!r}; choose one of {', '.join(LEAD_POLICIES)}")
        if advantage < 1 or min(patience_s, absence_s) < 0 or turn_s <= 0:
            raise ConfigError(
                "a lead policy needs advantage >= 1, patience_s and absence_s >= 0 and turn_s > 0, not "
                f"{advantage}, {patience_s}, {absence_s} and {turn_s}"
            )
        self._kind = kind
        self._advantage = advantage
        self._patience_s = patience_s
        self._absence_s = absence_s
        self._turn_s = turn_s
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._lead: int | None = None
        self._lead_seen_s = 0.0
        self._turn_began_s = 0.0
        self._challenger: int | None = None
        self._challenged_s = 0.0
        self._present: dict[int, tuple[float, float]] = {}  # track id -> first and last time seen
        self._waiting: deque[int] = deque()

    def choose(self, faces: tuple[Face, ...], time_s: float, *, width: int, height: int) -> Face | None:
        """The lead among the faces of one frame.

        Args:
            faces: with `track_id`, as a `Tracker` gives them; those without are left out.
            time_s: capture time of the frame in seconds.
            width, height: of the frame in pixels.

        Returns:
            One of `faces`; for `average`, a face of the largest's place and number with everybody's mean `blendshapes`;
            None when nobody is there, or the lead was lost a moment ago and may come back.
        """
        there = {face.track_id: face for face in faces if face.track_id is not None}
        self._note(there, time_s)
        if not there:
            if time_s - self._lead_seen_s > self._absence_s:
                self._lead = None
            return None
        scores = {number: self._score(face, number, time_s, width, height) for number, face in there.items()}
        best = max(scores, key=lambda number: (scores[number], -number))
        if self._lead is None:
            self._take_over(best, time_s)
        elif self._lead not in there:
            if time_s - self._lead_seen_s <= self._absence_s:
                return None
            self._take_over(best, time_s)
        elif self._kind == "turn-taking":
            self._next_turn(there, time_s)
        else:
            self._challenge(best, scores, time_s)
        assert self._lead is not None  # somebody is there, so one of the branches chose
        self._lead_seen_s = time_s
        lead = there[self._lead]
        return _averaged(lead, tuple(there.values())) if self._kind == "average" else lead

    def _note(self, there: dict[int, Face], time_s: float) -> None:
        self._present = {
            number: span
            for number, span in self._present.items()
            if number in there or time_s - span[1] <= self._absence_s
        }
        for number in there:
            first, _ = self._present.get(number, (time_s, time_s))
            self._present[number] = (first, time_s)
            if number not in self._waiting:
                self._waiting.append(number)
        self._waiting = deque(number for number in self._waiting if number in self._present)

    def _score(self, face: Face, number: int, time_s: float, width: int, height: int) -> float:
        """How fit a face is to lead, positive, in units in which `advantage` is a factor."""
        if self._kind in ("largest", "average"):
            return face.area
        if self._kind == "nearest-centre":
            x, y = face.center
            away = np.hypot(x - width / 2, y - height / 2) / np.hypot(width / 2, height / 2)
            # A face a tenth of the way off is as good as one in the middle; beyond, being twice as far halves it.
            return float(1 / (0.1 + away))
        first, _ = self._present[number]
        # A second is added so that two who come in together are equals.
        return time_s - first + 1.0

    def _challenge(self, best: int, scores: dict[int, float], time_s: float) -> None:
        assert self._lead is not None  # only a lead is challenged
        if best == self._lead or scores[best] < self._advantage * scores[self._lead]:
            self._challenger = None
            return
        if self._challenger != best:
            self._challenger, self._challenged_s = best, time_s
        if time_s - self._challenged_s >= self._patience_s:
            self._take_over(best, time_s)

    def _next_turn(self, there: dict[int, Face], time_s: float) -> None:
        if time_s - self._turn_began_s < self._turn_s or len(there) == 1:
            return
        self._take_over(next(n for n in self._waiting if n in there and n != self._lead), time_s)

    def _take_over(self, number: int, time_s: float) -> None:
        self._lead, self._turn_began_s, self._challenger = number, time_s, None
        # Whoever leads goes to the end of the queue.
        if number in self._waiting:
            self._waiting.remove(number)
        self._waiting.append(number)


def _averaged(lead: Face, faces: tuple[Face, ...]) -> Face:
    weights = [face.blendshapes for face in faces if face.blendshapes is not None]
    if not weights:
        return lead
    return replace(lead, blendshapes=np.mean(weights, axis=0).astype(np.float32))
