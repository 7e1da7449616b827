"""Who is trained on and who is held back: by the official partition or by person, never by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from visavis.errors import ConfigError, InputError
from visavis.lab.datasets import SPLITS, Dataset

__all__ = ["official_split", "shared_people", "split_by_identity"]


def official_split(dataset: Dataset) -> Dataset:
    """The rows that carry a side of the official partition.

    Raises:
        InputError: there is none, or a person stands on two sides.
    """
    kept = dataset.take([i for i, side in enumerate(dataset.split) if side in SPLITS])
    if not len(kept):
        raise InputError(f"{dataset.root} carries no official partition; split by identity instead")
    _refuse_shared(kept)
    return kept


def split_by_identity(
    dataset: Dataset, *, fractions: tuple[float, float, float] = (0.70, 0.15, 0.15), seed: int = 0
) -> Dataset:
    """Deal people, not pictures, onto train, val and test.

    People are shuffled by `seed`; each then goes with all pictures to the side that is furthest below its share.

    Args:
        dataset: every row must name a person.
        fractions: shares of train, val and test, which sum to 1.
        seed: another number deals people otherwise.

    Raises:
        ConfigError: the fractions are no shares.
        InputError: a row does not say who it shows.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"fractions must be three shares that sum to 1, not {fractions}")
    if (dataset.identity < 0).any():
        count = int((dataset.identity < 0).sum())
        raise InputError(
            f"{count} of {len(dataset)} rows of {dataset.root} do not say who they show, so a split could put one "
            "person on two sides; give identities, or use the official partition"
        )
    people, inverse, counts = np.unique(dataset.identity, return_inverse=True, return_counts=True)
    wanted = np.array(fractions) * len(dataset)
    have = np.zeros(3)
    side = np.zeros(len(people), np.int64)
    for person in np.random.default_rng(seed).permutation(len(people)):
        side[person] = int(np.argmax(wanted - have))
        have[side[person]] += counts[person]
    return replace(dataset, split=tuple(SPLITS[side[person]] for person in inverse))


def shared_people(dataset: Dataset) -> tuple[int, ...]:
    """Identities that stand on more than one side; empty for a good split."""
    sides: dict[int, set[str]] = {}
    for person, side in zip(dataset.identity.tolist(), dataset.split, strict=True):
        if person >= 0:
            sides.setdefault(person, set()).add(side)
    return tuple(sorted(person for person, where in sides.items() if len(where) > 1))


def _refuse_shared(dataset: Dataset) -> None:
    people = shared_people(dataset)
    if people:
        raise InputError(
            f"{len(people)} people of {dataset.root} stand on two sides of its partition (the first is {people[0]}); "
            "split by identity instead"
        )
