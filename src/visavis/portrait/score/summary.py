"""From the scores of portraits to one table, against the product's own targets."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from visavis.portrait.score.measure import PortraitScore
from visavis.portrait.score.reach import SHAPES

__all__ = ["LEVEL", "Row", "Target", "judges_of", "summarise", "target_of"]

#: What the kind of a figure ends in that a judge gives of the face turned level.
LEVEL: Final = "-level"
#: Blendshapes of which the landmarker must see at least so much of what is asked; the second group is harder to see.
_STRONG: Final = ("mouthSmile", "jawOpen", "browInnerUp", "browOuterUp", "eyeBlink", "mouthPucker")
#: What the landmarker cannot report: over sixteen videos of living faces no sneer ever scored above .001.
_BLIND: Final = ("noseSneer",)
_READ: Final = {"joy": 0.90, "surprise": 0.90, "sadness": 0.80, "anger": 0.60}
_READ_MEAN: Final = 0.80
_ALIKE: Final = {"joy": 0.75, "surprise": 0.68, "sadness": 0.75, "anger": 0.75}


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a figure should keep: its mean over the portraits, or every portrait's value.

    Attributes:
        bound: the value.
        at_least: whether the figure must reach it, or stay at or below it.
        magnitude: whether the sign of the figure is of no matter.
    """

    bound: float
    at_least: bool = True
    magnitude: bool = False

    def met(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        value = abs(value) if self.magnitude else value
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def judges_of(figures: Iterable[str]) -> list[str]:
    """The judges among the names of figures: only theirs have the share that is read of four emotions.

    >>> judges_of(["fer/joy", "fer/four", "fer-level/four", "likeness/joy"])
    ['fer']
    """
    kinds = [name.removesuffix("/four") for name in figures if name.endswith("/four")]
    return [kind for kind in kinds if not kind.endswith(LEVEL)]


def target_of(figure: str, *, judges: Collection[str] = ()) -> Target | None:
    """The product's own target for a figure of `PortraitScore`; None where it is only reported.

    Args:
        figure: its name.
        judges: who named emotions, as `judges_of` tells from all figures; what they read has targets.
    """
    kind, _, what = figure.partition("/")
    if kind == "reach" and what in SHAPES and what not in _BLIND:
        return Target(0.6 if what in _STRONG else 0.4)
    if kind == "monotone" and what not in _BLIND:
        return Target(1.0)
    if kind == "crosstalk":
        return Target(0.12, at_least=False)
    if kind in ("rest", "background"):
        return Target(1.0)
    if kind == "texture":
        return Target(0.15, at_least=False, magnitude=True)
    if kind == "jump":
        return Target(12.0, at_least=False)
    if kind in ("motion", "seen-motion", "seen-motion-95"):
        return Target(1.0, at_least=False)
    if kind.removesuffix(LEVEL) in judges:
        bound = _READ_MEAN if what == "four" else _READ.get(what)
        return None if bound is None else Target(bound)
    if kind == "likeness":
        return Target(_ALIKE[what]) if what in _ALIKE else None
    return None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure over all portraits.

    Attributes:
        figure: its name.
        count: portraits on which it was measured.
        mean, median, worst: over those, of magnitudes where the sign does not matter; `worst` lies farthest on the
            wrong side (lowest without a target).
        share: of the portraits, how many keep the target by themselves; None without a target.
        target: the product's own, or None.
        met: whether the mean keeps it; None without a target.
    """

    figure: str
    count: int
    mean: float
    median: float
    worst: float
    share: float | None
    target: Target | None
    met: bool | None


def summarise(scores: Sequence[PortraitScore]) -> list[Row]:
    """One row a figure, in the order in which they were measured."""
    names = list(dict.fromkeys(name for score in scores for name in score.figures))
    judges = judges_of(names)
    rows = []
    for name in names:
        values = [score.figures[name] for score in scores if name in score.figures]
        values = [value for value in values if not math.isnan(value)]
        if not values:
            continue
        target = target_of(name, judges=judges)
        sizes = np.abs(values) if target is not None and target.magnitude else np.array(values)
        rows.append(
            Row(
                figure=name,
                count=len(values),
                mean=float(sizes.mean()),
                median=float(np.median(sizes)),
                worst=float(sizes.max() if target is not None and not target.at_least else sizes.min()),
                share=None if target is None else float(np.mean([target.met(value) for value in values])),
                target=target,
                met=None if target is None else target.met(float(sizes.mean())),
            )
        )
    return rows
