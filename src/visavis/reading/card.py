"""The card that travels with a network: all that must be known to run it, and to trust it or not.

Nothing is inferred from a model's name: labels in order, the crop and its normalisation, calibration and thresholds are
data beside the weights, and the weights are checked against the card's hash before they are used.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from visavis.errors import ConfigError, ModelError
from visavis.faces.crop import CropSpec
from visavis.files import replacing

__all__ = ["Calibration", "Card", "ModelCard", "load_card", "read_card", "save_card", "write_card"]

_FORMAT: Final = 1

_Kind = TypeVar("_Kind", bound="Card")


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one output becomes a probability that can be believed, and a decision.

    Attributes:
        temperature: what its logit is divided by.
        bias: what is then added.
        shape_weight: what the logit that the shape of the face gives is multiplied by before it is added; 0 where the
            picture alone is judged.
        threshold: the attribute is told as present above this calibrated probability.
        points: (x, y) of a rising line that the probability is taken along in the end; none leaves it as it is.
    """

    temperature: float = 1.0
    bias: float = 0.0
    shape_weight: float = 0.0
    threshold: float = 0.5
    points: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for (x, y), (next_x, next_y) in itertools.pairwise(self.points):
            if not (0 <= x < next_x <= 1 and 0 <= y <= next_y <= 1):
                raise ModelError(f"a calibration's points must rise within [0, 1], not from {x, y} to {next_x, next_y}")
        if not (self.temperature > 0 and 0 <= self.threshold <= 1):
            raise ModelError(f"a calibration needs a positive temperature and a threshold in [0, 1], not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the card of every network tells; the kinds of network add what they need.

    Attributes:
        name: what it is called.
        file: name of the ONNX file beside the card.
        sha256: hash of that file.
        crop: how a face becomes its input, normalisation included.
        flip_average: the logits of the crop and of its mirror image are averaged, as they were when it was measured.
        data: what it was trained on.
        terms: what its use is bound to.
        metrics: figures on unseen pictures.
        origin: recipe, versions, commit.
    """

    name: str
    file: str
    sha256: str
    crop: CropSpec
    flip_average: bool = False
    data: str = ""
    terms: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_beside(self.file)

    def verified(self, folder: Path) -> Path:
        """The path of the model file beside the card, if it is the one that the card describes.

        Raises:
            ModelError: the file is missing, or has another hash.
        """
        return _with_hash(folder / self.file, self.sha256)

    def common(self) -> dict[str, Any]:
        """What every card tells, as plain values for JSON."""
        return {
            "name": self.name,
            "file": self.file,
            "sha256": self.sha256,
            "crop": self.crop.to_dict(),
            "flip_average": self.flip_average,
            "data": self.data,
            "terms": self.terms,
            "metrics": dict(self.metrics),
            "origin": dict(self.origin),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard(Card):
    """The description of a classifier of attributes.

    Attributes:
        attributes: the outputs, in order.
        calibration: by attribute, of the picture alone.
        shape_file: name of a file of linear weights on `shape_features` beside the card, or empty.
        shape_sha256: hash of that file.
        shape_calibration: by attribute, of picture and shape together; empty where there is no such file.
    """

    attributes: tuple[str, ...]
    calibration: Mapping[str, Calibration]
    shape_file: str = ""
    shape_sha256: str = ""
    shape_calibration: Mapping[str, Calibration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Card.__post_init__(self)
        _require_beside(self.shape_file)
        if not self.attributes or len(set(self.attributes)) != len(self.attributes):
            raise ModelError("a card must name each output once, and at least one")
        if set(self.calibration) != set(self.attributes):
            raise ModelError("a card must calibrate exactly the attributes that it names")
        if self.shape_file and set(self.shape_calibration) != set(self.attributes):
            raise ModelError("a card with a shape file must calibrate picture and shape together for each attribute")

    def verified_shape(self, folder: Path) -> Path:
        """The path of the shape file beside the card, as `verified` gives that of the model."""
        return _with_hash(folder / self.shape_file, self.shape_sha256)


def _require_beside(name: str) -> None:
    if Path(name).name != name:
        raise ModelError(f"a card's file must lie beside it, not at {name!r}")


def _with_hash(path: Path, expected: str) -> Path:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error}); it must lie beside its card") from error
    if found != expected:
        raise ModelError(
            f"{path} has sha256 {found[:12]}..., where its card says {expected[:12]}...; "
            "the file is damaged or another model's: install or export it again"
        )
    return path


def read_card(
    path: Path, kind: type[_Kind], own: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, what: str
) -> _Kind:
    """Read a card of a kind.

    Args:
        path: of the JSON file.
        kind: the class of the card.
        own: what that kind tells beyond `Card`, from the file's table; it may raise what reading a table raises.
        what: the card is called so in errors.

    Raises:
        ModelError: no such file, or it is no such card.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"there is no {what} at {path}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is no {what} ({error})") from error
    if not isinstance(table, dict) or table.get("format") != _FORMAT:
        raise ModelError(f"{path} is no {what} of format {_FORMAT}; export the model again")
    try:
        return kind(
            name=str(table["name"]),
            file=str(table["file"]),
            sha256=str(table["sha256"]),
            crop=CropSpec.from_dict(table["crop"]),
            flip_average=bool(table["flip_average"]),
            data=str(table.get("data", "")),
            terms=str(table.get("terms", "")),
            metrics=dict(table.get("metrics", {})),
            origin=dict(table.get("origin", {})),
            **own(table),
        )
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is a damaged {what} ({type(error).__name__}: {error})") from error


def write_card(path: Path, card: Card, own: Mapping[str, Any]) -> None:
    """Write a card as JSON, whole or not at all; `own` is what its kind tells beyond `Card`.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"format": _FORMAT, **card.common(), **own}, indent=1) + "\n", encoding="utf-8")


def load_card(path: Path) -> ModelCard:
    """Read the card of a classifier of attributes; raises as `read_card`."""

    def own(table: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "attributes": tuple(map(str, table["attributes"])),
            "calibration": _calibration(table["calibration"]),
            "shape_file": str(table["shape_file"]),
            "shape_sha256": str(table["shape_sha256"]),
            "shape_calibration": _calibration(table["shape_calibration"]),
        }

    return read_card(path, ModelCard, own, what="model card")


def _calibration(table: Mapping[str, Any]) -> dict[str, Calibration]:
    rows = {str(name): dict(row) for name, row in table.items()}
    for row in rows.values():
        row["points"] = tuple((float(x), float(y)) for x, y in row.get("points", ()))
    return {name: Calibration(**row) for name, row in rows.items()}


def _row(calibration: Calibration) -> dict[str, Any]:
    row = asdict(calibration)
    return row if calibration.points else {name: value for name, value in row.items() if name != "points"}


def save_card(path: Path, card: ModelCard) -> None:
    """Write the card of a classifier of attributes; raises as `write_card`."""
    own = {
        "attributes": list(card.attributes),
        "calibration": {name: _row(row) for name, row in card.calibration.items()},
        "shape_file": card.shape_file,
        "shape_sha256": card.shape_sha256,
        "shape_calibration": {name: _row(row) for name, row in card.shape_calibration.items()},
    }
    write_card(path, card, own)
