"""From a run of `emotion_train` to what ships: an ONNX file with weights in sixteen bits, and its card, measured.

RUN/export/emotion.onnx, emotion.json   the learned reader
RUN/metrics.json                        its figures on the validation side, which nothing was fitted on
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelError
from visavis.files import replacing
from visavis.lab.choices import choice_figures
from visavis.lab.emotion_data import FaceData
from visavis.lab.emotion_fit import fit_ways
from visavis.lab.emotion_lessons import EmotionMaterial
from visavis.lab.emotion_runs import LAST, emotion_network, read_blind
from visavis.lab.export import crop_of, origin_of, store_half, to_onnx
from visavis.lab.finished import read_members
from visavis.lab.models import Network
from visavis.reading.attributes import TOLD
from visavis.reading.emotion_card import EmotionCard, save_emotion_card
from visavis.reading.fusion import Fusion, way
from visavis.types import EMOTIONS, Float32

__all__ = ["ExportedEmotion", "export_emotion", "network_logs", "told_of", "weighed"]

#: The file in single precision may differ from the Keras model by at most so much in any logit, ...
PARITY: Final = 1e-3
#: ... and weights in sixteen bits may change a probability by at most so much.
_HALF_PARITY: Final = 0.02
_TERMS: Final = "non-commercial research, as the training data; labels say what annotators saw, not what people felt"


@dataclass(frozen=True, slots=True)
class ExportedEmotion:
    """What was written.

    Attributes:
        card, model: the files.
        difference: largest difference of a logit between Keras and ONNX in single precision.
        half_difference: largest change of a probability by weights in sixteen bits.
        figures: as in `metrics.json`.
    """

    card: Path
    model: Path
    difference: float
    half_difference: float
    figures: Mapping[str, Any]


def network_logs(
    model: Path | bytes, network_input: Any, pixels: NDArray[np.uint8], rows: NDArray[np.int64], *, flip: bool
) -> Float32:
    """(len(rows), 7) logarithms of probabilities of an ONNX file, on squares cut as the live product cuts them.

    Args:
        model: the file or its bytes.
        network_input: (N, size, size, 3) uint8 -> float32, the network's normalisation.
        pixels: squares.
        rows: which of them.
        flip: average logits with the mirror image's.
    """
    from visavis.faces.session import open_session

    session = open_session(model, name="emotion")
    parts = [np.zeros((0, len(EMOTIONS)), np.float32)]
    for start in range(0, len(rows), 64):
        inputs = network_input(np.array(pixels[rows[start : start + 64]]))
        logits = session.run(None, {"pictures": inputs})[0]
        if flip:
            logits = (logits + session.run(None, {"pictures": np.ascontiguousarray(inputs[:, :, ::-1])})[0]) / 2
        parts.append(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return np.concatenate(parts)


def _normaliser(network: Network) -> Any:
    import torch

    return lambda squares: network.normalise(torch.from_numpy(squares).float()).numpy()


def told_of(faces: FaceData) -> Float32:
    """(N, 7) probabilities of the attributes that the product tells, nan where there is no classifier."""
    if not faces.names:
        return np.full((len(faces.found), len(TOLD)), np.nan, np.float32)
    return faces.attributes[:, [faces.names.index(name) for name in TOLD]]


def weighed(ways: Mapping[str, Fusion], logs: Float32, faces: FaceData) -> Float32:
    """(N, 7) probabilities, each row by the way that the live reader takes for what was measured of its face."""
    told = told_of(faces)
    moves, has = np.isfinite(faces.blendshapes).all(axis=1), np.isfinite(told).all(axis=1)
    result = np.zeros((len(logs), len(EMOTIONS)), np.float32)
    for with_movements in (False, True):
        for with_attributes in (False, True):
            rows = (moves == with_movements) & (has == with_attributes)
            fusion = ways[way(movements=with_movements, attributes=with_attributes)]
            result[rows] = fusion.calibration.probabilities(
                fusion.evidence(logs[rows], faces.blendshapes[rows], told[rows])
            )
    return result


def _figures(
    ways: Mapping[str, Fusion], logs: Float32, faces: FaceData, truth: NDArray[np.int64]
) -> dict[str, dict[str, Any]]:
    """Figures with all that was measured, and of the picture alone."""
    unsure = ways[way(movements=True, attributes=True)].calibration.unsure_below
    alone = ways[way(movements=False, attributes=False)]
    return {
        "all": choice_figures(truth, weighed(ways, logs, faces), unsure_below=unsure),
        "picture": choice_figures(
            truth, alone.calibration.probabilities(alone.evidence(logs)), unsure_below=alone.calibration.unsure_below
        ),
    }


def export_emotion(run: Path, stuff: EmotionMaterial, *, folder: Path | None = None) -> ExportedEmotion:
    """Fit the weighing, measure on the validation side, and write ONNX file and card.

    Args:
        run: a finished run folder.
        stuff: its material.
        folder: where the two files go; `RUN/export` by default.

    Raises:
        InputError: no finished run there.
        ModelError: the ONNX file differs from the Keras model by more than is allowed.
    """
    recipe, network = emotion_network(run)
    blind, target = read_blind(run), folder or run / "export"
    truth = stuff.dataset.labels.argmax(axis=1)
    seen = stuff.faces.take(blind.rows)
    ways = fit_ways(blind.logs, seen.blendshapes, np.nan_to_num(told_of(seen), nan=0.5), truth[blind.rows], blind.part)
    model, rows = target / "emotion.onnx", stuff.rows("val")
    normalise, check = _normaliser(network), (rows if len(rows) else blind.rows)[:64]
    to_onnx(network, model, output="logits")
    exact = network_logs(model, normalise, stuff.exact.pixels, check, flip=False)
    with_keras = _keras_logs(network, normalise(np.array(stuff.exact.pixels[check])))
    store_half(model)
    half = network_logs(model, normalise, stuff.exact.pixels, check, flip=False)
    difference = float(np.abs(exact - with_keras).max())
    half_difference = float(np.abs(np.exp(half) - np.exp(exact)).max())
    if not (difference <= PARITY and half_difference <= _HALF_PARITY):
        model.unlink()
        raise ModelError(
            f"the ONNX file differs from the Keras model by {difference:.1e} in a logit and, in sixteen bits, by "
            f"{half_difference:.1e} in a probability; {PARITY:.0e} and {_HALF_PARITY:.0e} are allowed"
        )
    figures: dict[str, Any] = {"recipe": recipe.name}
    if len(rows):
        logs = network_logs(model, normalise, stuff.exact.pixels, rows, flip=recipe.flip_average)
        figures["val"] = _figures(ways, logs, stuff.faces.take(rows), truth[rows])
    taught = "; taught by published networks of FER-2013 too" if recipe.emotion.heed else ""
    with replacing(run / "metrics.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    names = ", ".join(Path(text).name for text in recipe.emotion.faces)
    beside = "" if stuff.beside is None else f", and faces of {Path(recipe.data.path).name}"
    save_emotion_card(
        target / "emotion.json",
        EmotionCard(
            name=f"{recipe.name} ({recipe.model.backbone}, {network.size} pixels)",
            file=model.name,
            sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
            crop=replace(crop_of(replace(recipe, data=replace(recipe.data, frame="face")), network)),
            flip_average=recipe.flip_average,
            attributes=TOLD,
            ways=ways,
            data=f"{names}: {len(blind.rows):,} faces labelled by emotion{beside}{taught}",
            terms=_TERMS,
            metrics={what: _short(row) for what, row in figures.get("val", {}).items()},
            origin=_origin_of(run),
        ),
    )
    return ExportedEmotion(target / "emotion.json", model, difference, half_difference, figures)


def _origin_of(run: Path) -> dict[str, Any]:
    members = read_members(run)
    if members:
        return {"members": {one.name: origin_of(one / LAST) for one in members.folders}}
    return origin_of(run / LAST)


def _keras_logs(network: Network, inputs: Float32) -> Float32:
    import torch

    with torch.inference_mode():
        logits = network.model(torch.from_numpy(inputs), training=False).numpy()
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader of the card wants, to three places."""
    keys = ("balanced_accuracy", "accuracy", "calibration_error", "unsure", "accuracy_sure", "accuracy_unsure")
    return {
        "rows": row["rows"],
        **{key: round(row[key], 3) for key in keys},
        "balanced_accuracy_interval": [round(value, 3) for value in row["balanced_accuracy_interval"]],
    }
