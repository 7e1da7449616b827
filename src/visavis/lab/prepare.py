"""From raw photos to a data set of crops, cut exactly as the live product cuts them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from visavis.assets import AssetStore
from visavis.errors import InputError
from visavis.files import replacing
from visavis.images import write_image
from visavis.lab.datasets import Dataset
from visavis.lab.framing import face_cut, face_spec, find_faces_of
from visavis.lab.pictures import Pictures
from visavis.lab.pixels import Progress

__all__ = ["prepare_dataset"]


def prepare_dataset(
    dataset: Dataset,
    folder: Path,
    *,
    assets: AssetStore,
    detector: str | None = None,
    size: int = 256,
    grown: float = 1.0,
    progress: Progress | None = None,
) -> tuple[tuple[str, str], ...]:
    """Write the biggest face of every picture as a lossless crop, with `labels.csv` and `crop.json` beside them.

    Args:
        dataset: raw photos in any form.
        folder: where the new data set, of the plain form, goes.
        assets: where the models come from.
        detector: what alone proposes faces, by name; None leaves that to the landmarker and the product's cascade.
        size: side of the live crop in pixels.
        grown: how much larger a square at the same scale is kept.
        progress: told after each picture found.

    Returns:
        Name and reason of each picture that was left out.

    Raises:
        InputError: no face was found in any picture.
        OutputError: the folder cannot be written.
    """
    found = find_faces_of(dataset, folder=folder / "cache", assets=assets, detector=detector, progress=progress)
    cut = face_cut(found.keypoints, size=size, grown=grown)
    kept: list[tuple[int, str]] = []
    skipped: list[tuple[str, str]] = []
    with Pictures(dataset) as pictures:
        for row, name in enumerate(dataset.files):
            try:
                square = cut.make(pictures[row], row)
            except InputError as error:
                skipped.append((name, str(error)))
                continue
            if square is None:
                skipped.append((name, "no face was found in it"))
                continue
            target = f"images/{row:06d}.png"
            write_image(folder / target, square)
            kept.append((row, target))
    if not kept:
        raise InputError(f"no face was found in any of the {len(dataset)} pictures of {dataset.root}")
    with replacing(folder / "labels.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "identity", "split", *dataset.attributes])
        for row, target in kept:
            writer.writerow([target, int(dataset.identity[row]), dataset.split[row], *dataset.labels[row].tolist()])
    spec = face_spec(size)
    with replacing(folder / "crop.json") as temporary:
        temporary.write_text(
            json.dumps((spec.grown(grown) if grown > 1 else spec).to_dict(), indent=1), encoding="utf-8"
        )
    return tuple(skipped)
