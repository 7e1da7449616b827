"""The two readers of emotion whose whole knowledge is a table: `blendshapes` and `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from visavis.reading.emotion import Need
from visavis.reading.table import EmotionTable, load_table, package_table
from visavis.types import EMOTIONS, Emotion, Face, Image, Reason

__all__ = ["TableReader"]


class TableReader:
    """Reads an emotion by a table; it needs what the table's signs need.

    >>> TableReader.load("blendshapes").read(Face(np.zeros(4, np.float32), blendshapes=np.zeros(52, np.float32))).label
    'neutral'

    Args:
        name: of the reader.
        table: what it knows.
    """

    def __init__(self, name: str, table: EmotionTable) -> None:
        self.name = name
        self.table = table

    @classmethod
    def load(cls, name: str, path: Path | None = None) -> TableReader:
        """The reader of the package's `NAME.toml`, or of a table of one's own.

        Raises:
            ConfigError: the table cannot be read.
        """
        return cls(name, package_table(f"{name}.toml") if path is None else load_table(path))

    @property
    def needs(self) -> frozenset[Need]:
        """`attributes`, `blendshapes` or both, as the table's signs do."""
        kinds: set[Need] = {"attributes" if sign.attribute else "blendshapes" for sign in self.table.signs.values()}
        return frozenset(kinds)

    @property
    def unsure_below(self) -> float:
        """A reading whose dominant label is less probable than this is `unsure`."""
        return self.table.calibration.unsure_below

    def read(self, face: Face, *, image: Image | None = None, attributes: Mapping[str, float] | None = None) -> Emotion:
        """See `EmotionReader.read`; no picture is looked at."""
        strengths = self.table.strengths(face.blendshapes, attributes)
        calibration = self.table.calibration
        evidence = self.table.evidence(strengths)
        shares = calibration.probabilities(evidence)[1:]
        extent = float(shares @ self.table.extents(strengths)[1:] / max(float(shares.sum()), 1e-9))
        return calibration.emotion(evidence, extent=min(max(extent, 0.0), 1.0))

    def explain(
        self,
        face: Face,
        *,
        image: Image | None = None,
        attributes: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> tuple[Reason, ...]:
        """See `EmotionReader.explain`: the table's signs in its own words; none speaks for `neutral`."""
        strengths = self.table.strengths(face.blendshapes, attributes)
        if label is None:
            label = EMOTIONS[int(np.argmax(self.table.calibration.probabilities(self.table.evidence(strengths))))]
        parts = self.table.contributions(strengths, label)
        temperature = self.table.calibration.temperature
        reasons = [Reason(self.table.signs[code].title, strengths[code], w / temperature) for code, w in parts.items()]
        return tuple(sorted((reason for reason in reasons if reason.weight), key=lambda reason: -abs(reason.weight)))
