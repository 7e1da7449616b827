"""How steady and how quick the live reading of emotion is, on face videos and on faces that hold still.

    python benchmarks/emotion_time.py [--shared FOLDER] [--reader NAME] [--seconds 10] [--odds 2] [--with-rest]

Every clip of `data/clips` goes through the live pipeline: landmarks, tracks, networks on their frames, rest, evidence.

Flips: how often the label that is told changes while the face holds still, a minute. A face holds still at a frame
where from 0.6 s before until 0.2 s after it no five coefficients (eyes left out) range over more than 0.2 on average.
Clips of faces that act hold little stillness, so photographs of faces are played as well, for `--seconds` each, with
the tremor and the noise of a camera: there every change is a flip.

Latency: a clear expression begins at the first frame from which on, for 0.4 s, each frame's own reading, unsteadied and
with the person's rest taken off, finds another label than is told at least twice as likely as any other. Told is the
time until the label that is told is that one; answered, until the portrait answers it. `--odds` tells what clear is.
`--with-rest` leaves the rest in: then a face that is read as sad at rest counts as one that turns sad.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.config import Config, config_from_mapping
from visavis.errors import InputError
from visavis.faces import Landmarker
from visavis.images import read_image, resize
from visavis.portrait.answer import Answerer
from visavis.portrait.presets import emotion_presets
from visavis.reading import EMOTION_READERS, EmotionReader, create_emotion_reader
from visavis.reading.motion import Stillness
from visavis.reading.rest import RestingFace
from visavis.sources import open_source
from visavis.stage.installation import build_pipeline
from visavis.types import BLENDSHAPES, EMOTIONS, Emotion, Frame

MUSCLES = [index for index, name in enumerate(BLENDSHAPES) if not name.startswith(("_", "eye"))]
STILL_BEFORE_S, STILL_AFTER_S, STILL_RANGE, STILL_CHANGING = 0.6, 0.2, 0.2, 5
CLEAR_ODDS, CLEAR_S = 2.0, 0.4
FLIPS_A_MINUTE, LATENCY_S = 6.0, 0.25
FACES, RATE = 24, 30


@dataclass
class Track:
    """What happened to one face, frame by frame."""

    times: list[float]
    weights: list[NDArray[np.float32]]
    own: list[NDArray[np.float32]]
    told: list[str]
    labels: list[str]
    heard: list[str]

    @classmethod
    def empty(cls) -> Track:
        return cls([], [], [], [], [], [])

    def still(self) -> NDArray[np.bool_]:
        times, weights = np.array(self.times), np.stack(self.weights)[:, MUSCLES]
        held = np.zeros(len(times), bool)
        for index, time in enumerate(times):
            near = (times >= time - STILL_BEFORE_S) & (times <= time + STILL_AFTER_S)
            full = time - times[0] >= STILL_BEFORE_S
            held[index] = full and np.sort(np.ptp(weights[near], axis=0))[-STILL_CHANGING:].mean() < STILL_RANGE
        return held

    def flips(self, held: NDArray[np.bool_]) -> tuple[float, int]:
        """Seconds of stillness, and how often the label that is told changes in them."""
        both = held[1:] & held[:-1]
        changes = np.array([one != other for one, other in zip(self.labels[1:], self.labels[:-1], strict=True)])
        return float(np.diff(self.times)[both].sum()), int((changes & both).sum())

    def onsets(self, *, odds: float = CLEAR_ODDS) -> Iterator[tuple[str, float, float, float]]:
        """Label, time, and seconds until it is told and answered (infinite: never), of each clear expression."""
        own = np.stack(self.own)
        first, second = np.sort(own, axis=1)[:, -1], np.sort(own, axis=1)[:, -2]
        clear = np.where(first >= odds * second, np.array(EMOTIONS)[own.argmax(axis=1)], "")
        index = 0
        while index < len(clear):
            last = index
            while last + 1 < len(clear) and clear[last + 1] == clear[index]:
                last += 1
            label, begins_s = str(clear[index]), self.times[index]
            if label and label != self.told[index] and self.times[last] - begins_s >= CLEAR_S:
                told, heard = (self._until(label, index, last, which) for which in (self.told, self.heard))
                yield label, begins_s, told, heard
            index = last + 1

    def _until(self, label: str, index: int, last: int, told: list[str]) -> float:
        found = next((at for at in range(index, last + 1) if told[at] == label), None)
        return float("inf") if found is None else self.times[found] - self.times[index]


@dataclass
class Rest:
    """A person's rest as it is learnt when every frame is looked at, for what a frame by itself says beyond it."""

    stillness: Stillness
    rest: RestingFace

    def off(self, own: Emotion, weights: NDArray[np.float32], dt_s: float) -> Emotion:
        return self.rest.step(own, dt_s, stillness=self.stillness.step(weights, dt_s))


def play(
    frames: Iterator[Frame], assets: AssetStore, config: Config, reader: EmotionReader, *, with_rest: bool = False
) -> list[Track]:
    """The leading face of a clip, a new track each time that it changes."""
    tracks: dict[int | None, Track] = {}
    rests: dict[int | None, Rest] = {}
    with Landmarker(assets, mode="video", max_faces=config.reading.max_faces) as landmarker:
        pipeline = build_pipeline(landmarker, config)
        answerer, before_s = Answerer(emotion_presets(), mode="answer"), 0.0
        for frame in frames:
            lead = pipeline.step(frame, frame.time_s).lead
            answerer.step(lead, frame.time_s - before_s)
            before_s = frame.time_s
            if lead is None or lead.emotion is None or lead.face.blendshapes is None:
                continue
            own = reader.read(lead.face, image=frame.image, attributes=lead.attributes)
            track = tracks.setdefault(lead.face.track_id, Track.empty())
            if not with_rest:
                rest = rests.setdefault(lead.face.track_id, Rest(Stillness(), RestingFace()))
                dt_s = frame.time_s - track.times[-1] if track.times else 0.0
                own = rest.off(own, lead.face.blendshapes, dt_s)
            track.times.append(frame.time_s)
            track.weights.append(lead.face.blendshapes)
            track.own.append(own.probabilities)
            track.told.append(lead.emotion.dominant)
            track.labels.append(lead.emotion.label)
            track.heard.append(answerer.heard)
    return [track for track in tracks.values() if len(track.times) > 10]


def held_still(path: Path, seconds: float, seed: int) -> Iterator[Frame]:
    """A photograph before a camera: it trembles by a pixel, and each frame has noise of its own."""
    image = resize(read_image(path), height=384)
    image = np.pad(image, ((48, 48), (128, 128), (0, 0)), mode="edge")
    random = np.random.default_rng(seed)
    for index in range(round(seconds * RATE)):
        x, y = np.round(1.5 * np.sin((index / 17, index / 23))).astype(int) + random.integers(-1, 2, 2)
        shown = np.roll(image, (int(y), int(x)), axis=(0, 1)) + random.normal(0, 5, image.shape)
        yield Frame(np.clip(shown, 0, 255).astype(np.uint8), index / RATE, index, path.name)


def photographs(folder: Path) -> list[Path]:
    """Half smiling, half not, of unseen people."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    return [
        folder / row["file"]
        for smiling in ("1", "0")
        for row in [row for row in rows if row["Smiling"] == smiling][: FACES // 2]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("VISAVIS_SHARED") or "../shared"))
    parser.add_argument("--reader", choices=list(EMOTION_READERS))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--odds", type=float, default=CLEAR_ODDS)
    parser.add_argument("--with-rest", action="store_true")
    options = parser.parse_args()
    reader = create_emotion_reader(options.reader)
    config = config_from_mapping({"emotion": {"reader": reader.name}})
    assets = AssetStore()

    print(f"reader {reader.name}")
    still_s, flips = 0.0, 0
    told, answered = [], []
    for path in sorted((options.shared / "data/clips").glob("*.mp4")):
        try:
            with open_source(path) as source:
                tracks = play(iter(source), assets, config, reader, with_rest=options.with_rest)
        except InputError as error:
            print(f"{path.name}: {error}")
            continue
        for track in tracks:
            seconds, changes = track.flips(track.still())
            still_s, flips = still_s + seconds, flips + changes
            onsets = list(track.onsets(odds=options.odds))
            told += [onset[2] for onset in onsets]
            answered += [onset[3] for onset in onsets]
            words = ", ".join(f"{label} at {at:.2f} s after {wait * 1000:.0f} ms" for label, at, wait, _ in onsets)
            print(f"{path.name}: {changes} flips in {seconds:.1f} s of stillness; {words or 'no clear onset'}")
    photo_s, photo_flips = 0.0, 0
    for seed, path in enumerate(photographs(options.shared / "data/celeba-hq-256") if options.seconds else []):
        for track in play(held_still(path, options.seconds, seed), assets, config, reader):
            seconds, changes = track.flips(np.ones(len(track.times), bool))
            photo_s, photo_flips = photo_s + seconds, photo_flips + changes
    missed = 0
    for name, seconds, changes in (("clips", still_s, flips), ("photographs", photo_s, photo_flips)):
        if seconds:
            rate = 60 * changes / seconds
            missed += rate > FLIPS_A_MINUTE
            print(f"{name}: {changes} flips in {seconds:.0f} s of stillness: {rate:.1f} a minute (at most 6)")
    for name, waits in (("told", told), ("answered", answered)):
        if waits:
            inside = float(np.mean(np.array(waits) <= LATENCY_S + 1e-6))
            missed += inside < 1
            print(
                f"{name}: {len(waits)} onsets, median {np.median(waits) * 1000:.0f} ms, "
                f"slowest {max(waits) * 1000:.0f} ms, {inside:.0%} within 250 ms"
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
