"""A look at a data set before it is trained on: counts, rates, people, files that cannot be read, twins."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from visavis.errors import InputError
from visavis.lab.datasets import Dataset
from visavis.lab.pictures import Pictures
from visavis.lab.pixels import Progress
from visavis.lab.splits import shared_people

__all__ = ["DatasetCheck", "check_dataset"]


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """What was found.

    Attributes:
        counts: pictures by side; a data set without a split has the one side "".
        people: known people by side.
        rates: share of positives by side and attribute.
        shared_people: identities on more than one side.
        unreadable: name and reason of each file that cannot be opened.
        duplicates: groups of files with the very same pixels.
    """

    counts: Mapping[str, int]
    people: Mapping[str, int]
    rates: Mapping[str, Mapping[str, float]]
    shared_people: tuple[int, ...]
    unreadable: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]


def check_dataset(
    dataset: Dataset, *, pixels: bool = True, workers: int = 2, progress: Progress | None = None
) -> DatasetCheck:
    """Check a data set.

    Args:
        dataset: as opened, or as split.
        pixels: open every picture; without it nothing is said of unreadable files and duplicates.
        workers: threads that decode.
        progress: told after each picture.
    """
    sides = sorted(set(dataset.split), key=lambda side: ("train", "val", "test", "").index(side))
    rows = {side: dataset.indices(side) for side in sides}
    people = {side: len(set(dataset.identity[rows[side]].tolist()) - {-1}) for side in sides}
    rates = {
        side: {name: float(dataset.labels[rows[side], column].mean()) for column, name in enumerate(dataset.attributes)}
        for side in sides
    }
    unreadable: list[tuple[str, str]] = []
    same: dict[str, list[str]] = defaultdict(list)
    if pixels:
        pictures = Pictures(dataset)

        def look(row: int) -> tuple[str, str]:
            try:
                image = pictures[row]
            except InputError as error:
                return "", str(error)
            return hashlib.sha256(np.array(image.shape).tobytes() + image.tobytes()).hexdigest(), ""

        with pictures, ThreadPoolExecutor(workers) as pool:
            for row, (digest, reason) in enumerate(pool.map(look, range(len(dataset)))):
                if reason:
                    unreadable.append((dataset.files[row], reason))
                else:
                    same[digest].append(dataset.files[row])
                if progress is not None:
                    progress(row + 1, len(dataset))
    return DatasetCheck(
        counts={side: len(rows[side]) for side in sides},
        people=people,
        rates=rates,
        shared_people=shared_people(dataset),
        unreadable=tuple(unreadable),
        duplicates=tuple(tuple(names) for names in same.values() if len(names) > 1),
    )
