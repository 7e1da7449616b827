"""What `read` and `run` share about emotions: the option that chooses a reader, and the table printed."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.cli.console import results_console
from visavis.errors import ConfigError

if TYPE_CHECKING:
    from visavis.config import Config

__all__ = ["EmotionsBy", "load_settings", "print_table", "with_emotions_by"]


class EmotionsBy(StrEnum):
    """The readers of emotion."""

    RULES = "rules"
    BLENDSHAPES = "blendshapes"
    LEARNED = "learned"


def load_settings(path: Path | None) -> Config:
    """The configuration; see `visavis.config.load_config`."""
    from visavis.config import load_config

    return load_config(path)


def with_emotions_by(settings: Config, reader: EmotionsBy | None) -> Config:
    """The configuration with another reader of emotion, where one is named.

    Raises:
        ConfigError: a reader is named where the configuration reads no emotions.
    """
    if reader is None:
        return settings
    if not settings.emotion.enabled:
        raise ConfigError("emotion.enabled = false reads no emotion; leave --emotions-by out, or change the setting")
    # A table of one's own belongs to the reader that the configuration names with it.
    table = settings.emotion.table if settings.emotion.reader == reader.value else ""
    return dataclasses.replace(
        settings, emotion=dataclasses.replace(settings.emotion, reader=reader.value, table=table)
    )


def print_table(settings: Config) -> None:
    """Print the rules of the reader that the configuration names: what speaks for what, how much, and why.

    Raises:
        ConfigError: it reads no emotion, or has no table.
    """
    from rich.table import Table

    from visavis.reading import open_instruments
    from visavis.reading.tables import TableReader
    from visavis.types import EMOTIONS

    reader = open_instruments(settings.emotion).emotions
    if not isinstance(reader, TableReader):
        raise ConfigError("there is no table to print: give --emotions-by rules or --emotions-by blendshapes")
    shown = Table("emotion", "sign", "", "weight", "reason", title=f"How {reader.name} reads an emotion")
    for label in EMOTIONS[1:]:
        for rule in (rule for rule in reader.table.rules if rule.emotion == label):
            sign = reader.table.signs[rule.sign]
            shown.add_row(label, rule.sign, sign.title, f"{rule.weight:+.1f}", rule.reason)
        shown.add_row(label, "", "doubt", f"{-reader.table.doubt[label]:+.1f}", "to be outweighed", end_section=True)
    results_console().print(shown)
