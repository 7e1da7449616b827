"""The two readers of emotion whose whole knowledge is a table: `blendshapes` and `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from visavis.reading.protocol import Need
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
        self._needs: frozenset[Need] = frozenset(
            "attributes" if sign.attribute else "blendshapes" for sign in table.signs.values()
        )

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
        return self._needs

    @property
    def unsure_below(self) -> float:
        """A reading whose dominant label is less probable than this is `unsure`."""
        return self.table.calibration.unsure_below

    def read(self, face: Face, *, image: Image | None = None, attributes: Mapping[str, float] | None = None) -> Emotion:
        """See `EmotionReader.read`; no picture is looked at."""
        table, calibration = self.table, self.table.calibration
        shown = table.shown(face.blendshapes, attributes)
        evidence = table.evidence(shown)
        shares = calibration.probabilities(evidence)[1:]
        extent = float(shares @ table.extents(shown)[1:] / max(float(shares.sum()), 1e-9))
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
        table = self.table
        shown = table.shown(face.blendshapes, attributes)
        if label is None:
            label = EMOTIONS[int(np.argmax(table.calibration.probabilities(table.evidence(shown))))]
        values = dict(zip(table.signs, shown.tolist(), strict=True))
        parts = table.contributions(shown, label).items()
        weightiest = sorted((part for part in parts if part[1]), key=lambda part: -abs(part[1]))
        return tuple(
            Reason(table.signs[code].title, values[code], part / table.calibration.temperature)
            for code, part in weightiest
        )
