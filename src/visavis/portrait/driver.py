"""A film of a person who drives a portrait: each frame read, steadied, and compared with the person at rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import InputError, NoFaceError
from visavis.portrait.answer import MIRRORED_SWAY
from visavis.portrait.passage import ABSENCE_S, Timeline, relative_to_rest
from visavis.types import Expression, Float32, Reading

__all__ = ["check_driver", "read_driver", "steadied"]


def check_driver(path: str | os.PathLike[str]) -> None:
    """Find out, before long work, whether a file can drive a portrait; who is in it is not looked at.

    Raises:
        InputError: it cannot be opened, or is a picture.
    """
    from visavis.sources import VideoSource

    with VideoSource(path) as video:
        if video.is_still():
            raise _still(path)


def read_driver(
    path: str | os.PathLike[str],
    *,
    assets: AssetStore,
    from_rest: bool = True,
    sway: bool = False,
    on_start: Callable[[int | None], None] | None = None,
    on_frame: Callable[[], None] | None = None,
) -> Timeline:
    """Read the expression of the person in a video, frame by frame.

    Args:
        path: of the video.
        assets: where the models come from.
        from_rest: give differences from the person's own resting face, `visavis.portrait.passage.relative_to_rest`.
        sway: let the head turn, a third as far as the driver's.
        on_start: is told how many frames the file announces, or None.
        on_frame: is called after each frame.

    Returns:
        One entry a frame at the frame's own time, without gaps; with several people, the one who leads at first is
        followed, and another only when that one has been gone for longer than `visavis.portrait.passage.ABSENCE_S`.

    Raises:
        InputError: the video cannot be read, or has but one frame; NoFaceError when nobody is in it.
        AssetError, ModelError: a model cannot be had or used.
    """
    from visavis.reading import Instruments, Reader, retargeted, to_expression
    from visavis.sources import VideoSource

    times: list[float] = []
    expressions: list[Expression | None] = []
    lead = _Lead()
    with VideoSource(path) as video, Reader(assets, smoothing=None, instruments=Instruments()) as reader:
        if on_start is not None:
            on_start(video.count())
        for frame in video:
            reading = lead.among(reader.read_frame(frame), frame.time_s)
            times.append(frame.time_s)
            expressions.append(None if reading is None else to_expression(reading.face))
            if on_frame is not None:
                on_frame()
    if len(times) == 1:
        raise _still(path)
    timeline = Timeline(tuple(times), tuple(expressions))
    if not timeline.seen:
        raise NoFaceError(
            f"no face was found in {os.fspath(path)}; expected a video of a person who looks at the camera"
        )
    timeline = steadied(timeline)
    if from_rest:
        timeline = relative_to_rest(timeline)
    share = np.float32(MIRRORED_SWAY if sway else 0)
    # Gains last, as with a living spectator: rest is told in scores.
    played = [item and replace(retargeted(item), sway=item.sway * share) for item in timeline.expressions]
    return Timeline(timeline.times_s, tuple(played)).filled()


def steadied(timeline: Timeline) -> Timeline:
    """The same without the trembling of the measurement, and without delay.

    A film is known as a whole, so the 1 Euro filter runs over it forwards and backwards and the mean of both is taken:
    what one is late, the other is early.
    """
    from visavis.reading import OneEuro

    seen = [(time_s, item) for time_s, item in zip(timeline.times_s, timeline.expressions, strict=True) if item]
    if not seen:
        return timeline
    values: Float32 = np.stack([np.concatenate([item.weights, item.gaze, item.sway / 30]) for _, item in seen])
    times = np.array([time_s for time_s, _ in seen])
    gaps = np.diff(times, prepend=times[0])
    forwards, backwards = OneEuro(min_cutoff_hz=3.0), OneEuro(min_cutoff_hz=3.0)
    ahead = [forwards.step(value, float(gap)) for value, gap in zip(values, gaps, strict=True)]
    gaps_back = np.diff(times[::-1], prepend=times[-1])
    back = [backwards.step(value, float(-gap)) for value, gap in zip(values[::-1], gaps_back, strict=True)]
    mean = (np.stack(ahead) + np.stack(back[::-1])) / 2
    count = len(seen[0][1].weights)
    smooth = iter(
        Expression(
            np.clip(row[:count], 0, 1).astype(np.float32),
            np.clip(row[count : count + 2], -1, 1).astype(np.float32),
            (row[count + 2 :] * 30).astype(np.float32),
        )
        for row in mean
    )
    return Timeline(timeline.times_s, tuple(item and next(smooth) for item in timeline.expressions))


def _still(path: str | os.PathLike[str]) -> InputError:
    return InputError(f"{os.fspath(path)} is a picture, whose face does not move; give a film of a person")


class _Lead:
    """Who is followed through a film: the biggest face at first, then the same one."""

    def __init__(self) -> None:
        self._track: int | None = None
        self._seen_s = -np.inf

    def among(self, readings: tuple[Reading, ...], time_s: float) -> Reading | None:
        """The reading of whoever is followed, in the frame at `time_s`; None where they are not seen."""
        reading = next((item for item in readings if item.face.track_id == self._track), None)
        # A face is lost for a frame now and then; whoever stands beside it does not take its place for that.
        if reading is None and time_s - self._seen_s > ABSENCE_S:
            reading = max(readings, key=lambda item: item.face.area, default=None)
        if reading is not None:
            self._track, self._seen_s = reading.face.track_id, time_s
        return reading
