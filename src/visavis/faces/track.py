"""Following faces over time: the same number for the same face, and who among them leads.

Faces are told apart by where they are, how large they are, how they move and how their mesh is shaped from one frame
to the next. Nothing is recognised: no embedding is computed, and a face that has been away for longer than `bridge_s`
comes back with a new number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from visavis.errors import ConfigError
from visavis.faces.boxes import iou
from visavis.types import MESH_POINTS, Face, Float32

__all__ = ["Tracker"]

#: Half of what is known about a track's speed is forgotten in this time, in seconds.
_SPEED_MEMORY_S: Final = 0.15
#: A prediction further ahead, in seconds, would be a guess: people stop and turn.
_MAX_PREDICTION_S: Final = 0.4


@dataclass(slots=True)
class _Track:
    """One face while it is followed."""

    number: int
    box: Float32  # (4,) float32
    speed: Float32  # (2,) float32, pixels a second
    shape: Float32 | None  # (468, 2) float32, centred and scaled mesh
    seen_s: float

    def box_at(self, time_s: float) -> Float32:
        ahead = min(time_s - self.seen_s, _MAX_PREDICTION_S)
        return np.asarray(self.box + np.tile(self.speed * np.float32(ahead), 2), np.float32)


class Tracker:
    """Gives faces their `track_id`s, frame by frame; pure arithmetic, it owns no clock.

    >>> tracker = Tracker()
    >>> face = Face(np.array([0, 0, 9, 9], np.float32))
    >>> [tracker.update((face,), time_s)[0].track_id for time_s in (0.0, 0.1, 9.0)]
    [0, 0, 1]

    Args:
        bridge_s: a face that was lost for at most this long, in seconds, keeps its number when it comes back.
        reach: how far a face may have moved beyond its predicted place, in face widths, from one frame to the next;
            while it is lost the reach grows by as much again every second.

    Raises:
        ConfigError: a value is not positive.
    """

    def __init__(self, *, bridge_s: float = 2.0, reach: float = 0.8) -> None:
        if bridge_s <= 0 or reach <= 0:
            raise ConfigError(f"a tracker's bridge_s and reach must be positive, not {bridge_s} and {reach}")
        self._bridge_s = bridge_s
        self._reach = reach
        self._tracks: list[_Track] = []
        self._next_number = 0
        self._last_s = -np.inf

    def update(self, faces: tuple[Face, ...], time_s: float) -> tuple[Face, ...]:
        """The same faces in the same order, with `track_id`; `time_s` in seconds must not go back.

        Raises:
            ValueError: `time_s` is earlier than in the call before.
        """
        if time_s < self._last_s:
            raise ValueError(f"a tracker's time must not go back, from {self._last_s} to {time_s}; call reset() first")
        self._last_s = time_s
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= self._bridge_s]
        matches = self._match(faces, time_s)
        followed = []
        for index, face in enumerate(faces):
            track = matches.get(index)
            if track is None:
                track = _Track(self._next_number, face.box, np.zeros(2, np.float32), _shape(face), time_s)
                self._next_number += 1
                self._tracks.append(track)
            else:
                _move(track, face, time_s)
            followed.append(replace(face, track_id=track.number))
        return tuple(followed)

    def reset(self) -> None:
        """Forget everybody and begin again at any time; numbers go on, so none is given twice."""
        self._tracks = []
        self._last_s = -np.inf

    def _match(self, faces: tuple[Face, ...], time_s: float) -> dict[int, _Track]:
        """Pairs of face and track, the best first; each is used once."""
        if not faces or not self._tracks:
            return {}
        boxes = np.stack([face.box for face in faces])
        shapes = [_shape(face) for face in faces]
        predicted = np.stack([track.box_at(time_s) for track in self._tracks])
        overlaps = iou(boxes, predicted)
        candidates = []
        for column, track in enumerate(self._tracks):
            gap = time_s - track.seen_s
            for row in range(len(faces)):
                cost = self._cost(boxes[row], predicted[column], float(overlaps[row, column]), gap)
                if cost is not None:
                    candidates.append((cost + _shape_difference(shapes[row], track.shape), row, column))
        matches: dict[int, _Track] = {}
        used: set[int] = set()
        for _, row, column in sorted(candidates):
            if row not in matches and column not in used:
                matches[row] = self._tracks[column]
                used.add(column)
        return matches

    def _cost(self, box: Float32, predicted: Float32, overlap: float, gap: float) -> float | None:
        """How unlikely it is that a face is the predicted one, or None when it cannot be."""
        size, expected = _size(box), _size(predicted)
        ratio = max(size, expected) / max(min(size, expected), 1e-6)
        distance = float(np.hypot(*(_center(box) - _center(predicted)))) / max(size, expected, 1e-6)
        slack = 1 + gap
        if ratio > 1.8 * slack or distance > self._reach * slack:
            return None
        # A track that has waited is a little less likely than one that was there a moment ago.
        return distance / slack + 0.5 * float(np.log(ratio)) + (1 - overlap) * 0.5 + 0.1 * gap


def _move(track: _Track, face: Face, time_s: float) -> None:
    elapsed = time_s - track.seen_s
    if elapsed > 0:
        speed = (_center(face.box) - _center(track.box)) / np.float32(elapsed)
        keep = np.float32(0.5 ** (elapsed / _SPEED_MEMORY_S))
        track.speed = track.speed * keep + speed * (1 - keep)
    track.box, track.shape, track.seen_s = face.box, _shape(face), time_s


def _center(box: Float32) -> Float32:
    return np.asarray((box[:2] + box[2:]) / 2, np.float32)


def _size(box: Float32) -> float:
    return float(np.sqrt(max(float(box[2] - box[0]), 0.0) * max(float(box[3] - box[1]), 0.0)))


def _shape(face: Face) -> Float32 | None:
    """The mesh's outline without place and size: it changes little between two frames, and differs between people."""
    if face.landmarks is None:
        return None
    mesh = face.landmarks[:MESH_POINTS, :2]
    away = mesh - mesh.mean(axis=0)
    return np.asarray(away / max(float(np.sqrt((away**2).sum(axis=1).mean())), 1e-6), np.float32)


def _shape_difference(first: Float32 | None, second: Float32 | None) -> float:
    """Root mean square distance of two shapes, in units of their own radius; 0 when one is unknown."""
    if first is None or second is None:
        return 0.0
    return float(np.sqrt(((first - second) ** 2).sum(axis=1).mean()))
