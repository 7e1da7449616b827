"""How many ids the tracker gives on each of the shared clips, every frame of every clip.

    python benchmarks/faces_tracks.py [--json FILE] [--every N]

Frames go through `Reader.read_frame`, as in `visavis read`. Every clip shows one person or nobody, so one id is right,
and one more for each absence of more than two seconds.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from visavis.assets import AssetStore
from visavis.reading import Reader
from visavis.sources import open_source

BRIDGE_S = 2.0


def follow(path: Path, reader: Reader, every: int) -> dict[str, Any]:
    """One clip from start to end."""
    ids: list[int] = []
    frames = with_face = several = absences = 0
    longest = 0.0
    seen_s: float | None = None
    with open_source(path) as source:
        for frame in source:
            if frame.index % every:
                continue
            frames += 1
            faces = [reading.face for reading in reader.read_frame(frame)]
            several += len(faces) > 1
            if not faces:
                continue
            with_face += 1
            if seen_s is not None:
                longest = max(longest, frame.time_s - seen_s)
                absences += frame.time_s - seen_s > BRIDGE_S
            seen_s = frame.time_s
            ids += [face.track_id for face in faces if face.track_id is not None and face.track_id not in ids]
    return {
        "clip": path.stem,
        "frames": frames,
        "with_a_face": with_face,
        "with_several": several,
        "longest_gap_s": round(longest, 2),
        "absences": absences,
        "ids": len(ids),
        "right": len(ids) == (1 + absences if with_face else 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every so many frames")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("VISAVIS_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    rows = []
    for path in sorted((shared / "data" / "clips").glob("*.mp4")):
        with Reader(assets=AssetStore()) as reader:
            rows.append(follow(path, reader, arguments.every))
        print(rows[-1], flush=True)
    print(f"{sum(row['right'] for row in rows)} of {len(rows)} clips")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
