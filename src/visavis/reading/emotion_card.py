"""The card of the learned reader of emotion: all that must be known to run it, and to trust it or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from visavis.errors import ConfigError, ModelError
from visavis.faces.crop import CropSpec
from visavis.files import replacing
from visavis.reading.card import read_table, require_hash
from visavis.reading.fusion import Fusion, way
from visavis.types import EMOTIONS

__all__ = ["EmotionCard", "load_emotion_card", "save_emotion_card"]

_FORMAT: Final = 1
_WAYS: Final = frozenset(way(movements=m, attributes=a) for m in (False, True) for a in (False, True))


@dataclass(frozen=True, slots=True)
class EmotionCard:
    """The learned reader's own description.

    Attributes:
        name: what it is called.
        file: name of the ONNX file beside the card: `pictures` (N, size, size, 3) -> `logits` (N, 7).
        sha256: hash of that file.
        crop: how a face becomes its input, normalisation included.
        flip_average: the logits of the crop and of its mirror image are averaged.
        attributes: the attributes that are weighed, in order.
        ways: how picture, movements and attributes are weighed, by what was measured (`fusion.way`).
        data: what it was trained on.
        terms: what its use is bound to.
        metrics: figures on unseen pictures.
        origin: recipe, versions, commit.
    """

    name: str
    file: str
    sha256: str
    crop: CropSpec
    flip_average: bool
    attributes: tuple[str, ...]
    ways: Mapping[str, Fusion]
    data: str = ""
    terms: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.ways) != _WAYS:
            raise ModelError(f"an emotion card must tell how to weigh {', '.join(sorted(_WAYS))}")
        if Path(self.file).name != self.file:
            raise ModelError(f"a card's file must lie beside it, not at {self.file!r}")
        for name, fusion in self.ways.items():
            wanted = len(self.attributes) if "attributes" in name else 0
            if fusion.attributes.shape[1] != wanted or bool(fusion.movements.size) != ("movements" in name):
                raise ModelError(f"the way {name!r} of an emotion card has weights of something else")

    def checked(self, folder: Path) -> bytes:
        """The bytes of the model file beside the card, if they are those that it describes.

        Raises:
            ModelError: the file is missing, or has another hash.
        """
        path = folder / self.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error}); it must lie beside its card") from error
        found = hashlib.sha256(data).hexdigest()
        require_hash(path, found, self.sha256)
        return data


def load_emotion_card(path: Path) -> EmotionCard:
    """Read a card.

    Raises:
        ModelError: no such file, or it is no card of an emotion reader.
    """
    table = read_table(path, "emotion card")
    if not isinstance(table, dict) or table.get("format") != _FORMAT or table.get("emotions") != list(EMOTIONS):
        raise ModelError(f"{path} is no emotion card of format {_FORMAT} for {', '.join(EMOTIONS)}; export it again")
    try:
        return EmotionCard(
            name=str(table["name"]),
            file=str(table["file"]),
            sha256=str(table["sha256"]),
            crop=CropSpec.from_dict(table["crop"]),
            flip_average=bool(table["flip_average"]),
            attributes=tuple(map(str, table["attributes"])),
            ways={str(name): Fusion.from_dict(row) for name, row in table["ways"].items()},
            data=str(table.get("data", "")),
            terms=str(table.get("terms", "")),
            metrics=dict(table.get("metrics", {})),
            origin=dict(table.get("origin", {})),
        )
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is a damaged emotion card ({type(error).__name__}: {error})") from error


def save_emotion_card(path: Path, card: EmotionCard) -> None:
    """Write a card as JSON, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    table = {
        "format": _FORMAT,
        "name": card.name,
        "file": card.file,
        "sha256": card.sha256,
        "emotions": list(EMOTIONS),
        "crop": card.crop.to_dict(),
        "flip_average": card.flip_average,
        "attributes": list(card.attributes),
        "data": card.data,
        "terms": card.terms,
        "metrics": dict(card.metrics),
        "origin": dict(card.origin),
        "ways": {name: fusion.to_dict() for name, fusion in card.ways.items()},
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
