"""The card that travels with a classifier: all that must be known to run it, and to trust it or not.

Nothing is inferred from a model's name: labels in order, the crop and its normalisation, calibration and thresholds are
data beside the weights, and the weights are checked against the card's hash before they are used.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from visavis.errors import ConfigError, ModelError
from visavis.faces.crop import CropSpec
from visavis.files import replacing

__all__ = ["Calibration", "ModelCard", "load_card", "read_table", "require_hash", "save_card"]

_FORMAT: Final = 1


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


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A classifier's own description.

    Attributes:
        name: what it is called.
        file: name of the ONNX file beside the card.
        sha256: hash of that file.
        attributes: the outputs, in order.
        crop: how a face becomes its input, normalisation included.
        calibration: by attribute, of the picture alone.
        flip_average: the logits of the crop and of its mirror image are averaged, as they were when it was measured.
        shape_file: name of a file of linear weights on `shape_features` beside the card, or empty.
        shape_sha256: hash of that file.
        shape_calibration: by attribute, of picture and shape together; empty where there is no such file.
        data: what it was trained on.
        terms: what its use is bound to.
        metrics: figures on unseen pictures.
        origin: recipe, versions, commit.
    """

    name: str
    file: str
    sha256: str
    attributes: tuple[str, ...]
    crop: CropSpec
    calibration: Mapping[str, Calibration]
    flip_average: bool = False
    shape_file: str = ""
    shape_sha256: str = ""
    shape_calibration: Mapping[str, Calibration] = field(default_factory=dict)
    data: str = ""
    terms: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.attributes or len(set(self.attributes)) != len(self.attributes):
            raise ModelError("a card must name each output once, and at least one")
        if set(self.calibration) != set(self.attributes):
            raise ModelError("a card must calibrate exactly the attributes that it names")
        if self.shape_file and set(self.shape_calibration) != set(self.attributes):
            raise ModelError("a card with a shape file must calibrate picture and shape together for each attribute")
        for name in (self.file, self.shape_file):
            if Path(name).name != name:
                raise ModelError(f"a card's file must lie beside it, not at {name!r}")

    def verified(self, folder: Path, *, shape: bool = False) -> Path:
        """The path of the model file, or of the shape file, beside the card, if it is the one that it describes.

        Raises:
            ModelError: the file is missing, or has another hash.
        """
        path, expected = (folder / self.shape_file, self.shape_sha256) if shape else (folder / self.file, self.sha256)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error}); it must lie beside its card") from error
        require_hash(path, found, expected)
        return path


def require_hash(path: Path, found: str, expected: str) -> None:
    """Refuse a file whose SHA-256 is not the one that its card tells.

    Raises:
        ModelError: they differ.
    """
    if found != expected:
        raise ModelError(
            f"{path} has sha256 {found[:12]}..., where its card says {expected[:12]}...; "
            "the file is damaged or another model's: install or export it again"
        )


def read_table(path: Path, kind: str) -> Any:
    """What the JSON file of a card holds; `kind` is what a card of its kind is called in errors.

    Raises:
        ModelError: no such file, or it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"there is no {kind} at {path}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is no {kind} ({error})") from error


def load_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: no such file, or it is no card.
    """
    table = read_table(path, "model card")
    if not isinstance(table, dict) or table.get("format") != _FORMAT:
        raise ModelError(f"{path} is no model card of format {_FORMAT}; export the model again")
    try:
        return ModelCard(
            name=str(table["name"]),
            file=str(table["file"]),
            sha256=str(table["sha256"]),
            attributes=tuple(map(str, table["attributes"])),
            crop=CropSpec.from_dict(table["crop"]),
            calibration=_calibration(table["calibration"]),
            flip_average=bool(table["flip_average"]),
            shape_file=str(table["shape_file"]),
            shape_sha256=str(table["shape_sha256"]),
            shape_calibration=_calibration(table["shape_calibration"]),
            data=str(table.get("data", "")),
            terms=str(table.get("terms", "")),
            metrics=dict(table.get("metrics", {})),
            origin=dict(table.get("origin", {})),
        )
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is a damaged model card ({type(error).__name__}: {error})") from error


def _calibration(table: Mapping[str, Any]) -> dict[str, Calibration]:
    rows = {str(name): dict(row) for name, row in table.items()}
    for row in rows.values():
        row["points"] = tuple((float(x), float(y)) for x, y in row.get("points", ()))
    return {name: Calibration(**row) for name, row in rows.items()}


def _row(calibration: Calibration) -> dict[str, Any]:
    row = asdict(calibration)
    return row if calibration.points else {name: value for name, value in row.items() if name != "points"}


def save_card(path: Path, card: ModelCard) -> None:
    """Write a card as JSON, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    table = {
        "format": _FORMAT,
        "name": card.name,
        "file": card.file,
        "sha256": card.sha256,
        "attributes": list(card.attributes),
        "crop": card.crop.to_dict(),
        "calibration": {name: _row(row) for name, row in card.calibration.items()},
        "flip_average": card.flip_average,
        "shape_file": card.shape_file,
        "shape_sha256": card.shape_sha256,
        "shape_calibration": {name: _row(row) for name, row in card.shape_calibration.items()},
        "data": card.data,
        "terms": card.terms,
        "metrics": card.metrics,
        "origin": card.origin,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
