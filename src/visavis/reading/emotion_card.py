"""The card of the learned reader of emotion: all that must be known to run it, and to trust it or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from visavis.errors import ModelError
from visavis.reading.card import Card, read_card, write_card
from visavis.reading.fusion import Fusion, way
from visavis.types import EMOTIONS

__all__ = ["LEARNED_CARD", "EmotionCard", "load_emotion_card", "save_emotion_card"]

#: The card of the learned reader that comes with the package.
LEARNED_CARD: Final = Path(__file__).parent / "models" / "emotion.json"

_WAYS: Final = frozenset(way(movements=m, attributes=a) for m in (False, True) for a in (False, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionCard(Card):
    """The learned reader's own description; its file takes `pictures` (N, size, size, 3) and gives `logits` (N, 7).

    Attributes:
        attributes: the attributes that are weighed, in order.
        ways: how picture, movements and attributes are weighed, by what was measured (`fusion.way`).
    """

    attributes: tuple[str, ...]
    ways: Mapping[str, Fusion]

    def __post_init__(self) -> None:
        Card.__post_init__(self)
        if set(self.ways) != _WAYS:
            raise ModelError(f"an emotion card must tell how to weigh {', '.join(sorted(_WAYS))}")
        for name, fusion in self.ways.items():
            wanted = len(self.attributes) if "attributes" in name else 0
            if fusion.attributes.shape[1] != wanted or bool(fusion.movements.size) != ("movements" in name):
                raise ModelError(f"the way {name!r} of an emotion card has weights of something else")


def load_emotion_card(path: Path) -> EmotionCard:
    """Read a card.

    Raises:
        ModelError: no such file, or it is no card of an emotion reader.
    """

    def own(table: Mapping[str, Any]) -> Mapping[str, Any]:
        if table.get("emotions") != list(EMOTIONS):
            raise ValueError(f"its emotions must be {', '.join(EMOTIONS)}")
        return {
            "attributes": tuple(map(str, table["attributes"])),
            "ways": {str(name): Fusion.from_dict(row) for name, row in table["ways"].items()},
        }

    return read_card(path, EmotionCard, own, what="emotion card")


def save_emotion_card(path: Path, card: EmotionCard) -> None:
    """Write a card as JSON, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    own = {
        "emotions": list(EMOTIONS),
        "attributes": list(card.attributes),
        "ways": {name: fusion.to_dict() for name, fusion in card.ways.items()},
    }
    write_card(path, card, own)
