"""What faces are read with: the classifier of attributes and the reader of emotion, opened in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.reading.emotion import create_emotion_reader
from visavis.reading.protocol import EmotionReader

if TYPE_CHECKING:
    from visavis.config import EmotionConfig
    from visavis.reading.attributes import AttributeReader

__all__ = ["Instruments", "open_instruments"]


@dataclass(frozen=True, slots=True)
class Instruments:
    """What faces are read with.

    Attributes:
        attributes: the classifier of attributes, or None where the package was built without one.
        emotions: the reader of emotion, or None in attributes-only mode: then none is computed, named or told.
    """

    attributes: AttributeReader | None = None
    emotions: EmotionReader | None = None


def open_instruments(config: EmotionConfig | None = None) -> Instruments:
    """Open what the `[emotion]` section of a configuration asks for; its defaults when None.

    Raises:
        ConfigError: a table of one's own cannot be read.
        ModelError: a model is missing or damaged.
    """
    from visavis.config import EmotionConfig
    from visavis.reading.attributes import default_attributes

    asked = config or EmotionConfig()
    attributes = default_attributes()
    if not asked.enabled:
        return Instruments(attributes)
    name = None if asked.reader == "auto" else asked.reader
    return Instruments(attributes, create_emotion_reader(name, path=Path(asked.table) if asked.table else None))
