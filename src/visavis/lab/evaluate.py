"""What a run is worth: calibration and thresholds from validation, everything else on test.

RUN/metrics.json   all figures
RUN/scores.npz     probabilities and labels of both sides, for plots and for later questions
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import InputError
from visavis.files import replacing
from visavis.lab import metrics
from visavis.lab.datasets import SIX
from visavis.lab.finished import load_run
from visavis.lab.metrics import Floats
from visavis.lab.pixels import Progress
from visavis.lab.runs import material
from visavis.lab.shape import choose_share, fit_shape, fuse, fused_scores, save_shape
from visavis.lab.wild import judge_photos
from visavis.types import Float32

__all__ = [
    "SLICES",
    "Scored",
    "calibrate",
    "evaluate_run",
    "figures",
    "micro_at_recall",
    "slice_figures",
]

#: Attributes by whose presence and absence the figures are told apart.
SLICES: Final[tuple[str, ...]] = ("Male", "Young", "Eyeglasses")
_INTERVALS: Final = ("average_precision", "roc_auc", "balanced_accuracy")


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Probabilities beside the truth.

    Attributes:
        attributes: A names.
        labels: (N, A) uint8.
        scores: (N, A) float32.
    """

    attributes: tuple[str, ...]
    labels: NDArray[np.uint8]
    scores: NDArray[np.float32]

    def columns(self, names: Sequence[str]) -> Scored:
        """The same rows, of some attributes."""
        places = [self.attributes.index(name) for name in names]
        return Scored(tuple(names), self.labels[:, places], self.scores[:, places])


def calibrate(validation: Scored, *, isotonic: bool = False) -> dict[str, dict[str, Any]]:
    """Temperature, bias and threshold by attribute, all fitted on validation; and points where `isotonic`.

    The threshold is for the calibrated probability, and is the one of best balanced accuracy.
    """
    table: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(validation.attributes):
        labels, scores = validation.labels[:, column], validation.scores[:, column]
        temperature, bias = metrics.fit_temperature(labels, scores)
        fitted = metrics.with_temperature(scores, temperature, bias)
        table[name] = {"temperature": temperature, "bias": bias}
        if isotonic:
            table[name]["points"] = metrics.fit_isotonic(labels, fitted)
            fitted = metrics.with_isotonic(fitted, table[name]["points"])
        table[name]["threshold"] = metrics.best_threshold(labels, fitted)
    return table


def _calibrated(scored: Scored, calibration: Mapping[str, Mapping[str, Any]]) -> Floats:
    columns = []
    for column, name in enumerate(scored.attributes):
        row = calibration[name]
        fitted = metrics.with_temperature(scored.scores[:, column], row["temperature"], row["bias"])
        columns.append(metrics.with_isotonic(fitted, row.get("points", ())))
    return np.column_stack(columns)


def micro_at_recall(scored: Scored, recall: float) -> tuple[float, float, float]:
    """Micro-precision, micro-recall and threshold where one threshold for all attributes first reaches a recall."""
    precision, reached, thresholds = metrics.precision_recall_curve(scored.labels.ravel(), scored.scores.ravel())
    place = min(int(np.searchsorted(reached, recall)), len(reached) - 1)
    return float(precision[place]), float(reached[place]), float(thresholds[place])


def figures(scored: Scored, calibration: Mapping[str, Mapping[str, Any]], *, draws: int = 200) -> dict[str, Any]:
    """All figures of one side: by attribute, and their means over all and over the six.

    Figures of decisions are given at 0.5 of the plain probability, and `balanced_accuracy_chosen` and `f1_chosen` at
    the threshold chosen on validation.
    """
    adjusted = _calibrated(scored, calibration)
    table: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(scored.attributes):
        labels, scores, fitted = scored.labels[:, column], scored.scores[:, column], adjusted[:, column]
        threshold = calibration[name]["threshold"]
        row: dict[str, Any] = dict(metrics.binary_metrics(labels, scores))
        chosen = metrics.binary_metrics(labels, fitted, threshold)
        row["balanced_accuracy_chosen"], row["f1_chosen"] = chosen["balanced_accuracy"], chosen["f1"]
        row["accuracy_chosen"] = chosen["accuracy"]
        row["calibration_error_fitted"] = chosen["calibration_error"]
        if draws:
            row["intervals"] = {}
            for metric in _INTERVALS:
                function = getattr(metrics, metric)
                span = metrics.bootstrap(function, labels, scores, draws=draws)
                row["intervals"][metric] = [span.low, span.high]
        table[name] = row
    six = [name for name in SIX if name in table]
    result: dict[str, Any] = {"rows": len(scored.labels), "attributes": table, "mean": _means(table)}
    if six:
        some = scored.columns(six)
        precision, recall = metrics.micro_precision_recall(some.labels, some.scores)
        result["six"] = {
            "mean": _means({name: table[name] for name in six}),
            "micro_precision": precision,
            "micro_recall": recall,
            "loss": metrics.cross_entropy(some.labels, some.scores),
        }
    return result


def _means(table: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    names = [name for name, value in next(iter(table.values())).items() if isinstance(value, float)]
    return {name: metrics.table_mean(table, name) for name in names}


def slice_figures(scored: Scored, dataset_labels: Mapping[str, NDArray[np.uint8]]) -> dict[str, dict[str, Any]]:
    """Figures with and without each of `SLICES`: rows, and average precision and balanced accuracy over the six."""
    result: dict[str, dict[str, Any]] = {}
    names: list[str] = [name for name in SIX if name in scored.attributes] or list(scored.attributes)
    some = scored.columns(names)
    for attribute, labels in dataset_labels.items():
        for value, word in ((1, attribute), (0, f"not {attribute}")):
            rows = labels == value
            if not rows.any():
                continue
            scores, truth = some.scores[rows], some.labels[rows]
            balanced = [metrics.balanced_accuracy(truth[:, i], scores[:, i]) for i in range(len(names))]
            result[word] = {
                "rows": int(rows.sum()),
                "mean_average_precision": metrics.mean_average_precision(truth, scores),
                "accuracy": float(((scores > 0.5) == truth).mean()),
                "balanced_accuracy": metrics.known_mean(balanced),
            }
    return result


def evaluate_run(
    folder: Path,
    *,
    cache: Path,
    assets: AssetStore | None = None,
    wild: Path | None = None,
    draws: int = 200,
    isotonic: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate a run on its own split, and on un-aligned photos where a folder of them is given.

    Args:
        folder: the run.
        cache: folder of decoded pictures.
        assets: where the face landmarker comes from.
        wild: a data set of whole photos, as `judge_photos` takes them.
        draws: resamples behind each interval; 0 for none.
        isotonic: calibrate along a rising line (isotonic regression) after temperature and bias.
        progress: told how far decoding is.

    Returns:
        All figures, as written to `metrics.json`.

    Raises:
        InputError: no run there, or a side without usable rows.
    """
    recipe, network = load_run(folder)
    stuff = material(recipe, cache=cache, assets=assets, progress=progress)
    from visavis.lab.train import predict, use_resident_memory

    use_resident_memory()
    names = recipe.data.names
    labels = stuff.dataset.columns(names)

    def scored(split: str) -> tuple[Scored, NDArray[np.int64]]:
        rows = stuff.rows(split)
        if not len(rows):
            raise InputError(f"{stuff.dataset.root} has no usable picture on the side {split!r}")
        scores = predict(network, stuff.exact.pixels, rows, flip=recipe.flip_average, half=False)
        return Scored(names, labels[rows], scores), rows

    (validation, val_rows), (test, rows) = scored("val"), scored("test")
    photos = None
    if wild is not None:
        photos = judge_photos(wild, stuff.dataset, recipe, network, cache=cache, assets=assets, progress=progress)
    outside = None if photos is None else Scored(names, photos.labels, photos.scores)
    framed = None if photos is None else Scored(names, photos.labels, photos.aligned_scores)
    calibration = calibrate(validation, isotonic=isotonic)
    result: dict[str, Any] = {"recipe": recipe.name, "calibration": calibration}
    arrays: dict[str, Any] = {"val_labels": validation.labels, "test_labels": test.labels, "test_rows": rows}
    if recipe.shape and stuff.shapes is not None:
        arrays |= {"val_picture": validation.scores, "test_picture": test.scores}
        # What ships is picture and shape together; the figures of the picture alone stand beside them.
        result["picture_alone"] = {"test": figures(test, calibration, draws=0)}
        if outside is not None:
            result["picture_alone"]["wild"] = figures(outside, calibration, draws=0)
        reading = fit_shape(stuff.shapes[stuff.rows("train")], labels[stuff.rows("train")])
        save_shape(folder / "shape.npz", reading)
        shape_logits = reading(stuff.shapes[val_rows])
        judged = [names.index(name) for name in SIX if name in names] or list(range(len(names)))
        share = choose_share(validation.labels[:, judged], validation.scores[:, judged], shape_logits[:, judged])
        together: dict[str, dict[str, Any]] = {
            name: fuse(validation.labels[:, column], validation.scores[:, column], shape_logits[:, column], share=share)
            for column, name in enumerate(names)
        }
        result["shape_share"] = share

        def joined(side: Scored, shapes: Float32) -> Scored:
            fused = fused_scores(side.scores, reading(shapes), together, names, calibration)
            return Scored(names, side.labels, fused)

        validation, test = joined(validation, stuff.shapes[val_rows]), joined(test, stuff.shapes[rows])
        if photos is not None and outside is not None and framed is not None:
            outside, framed = joined(outside, photos.shapes), joined(framed, photos.aligned_shapes)
        plain = {"temperature": 1.0, "bias": 0.0}
        calibration = {}
        for column, name in enumerate(names):
            truth = validation.labels[:, column]
            if isotonic:
                points = together[name]["points"] = metrics.fit_isotonic(truth, validation.scores[:, column])
                for side in (validation, test, outside, framed):
                    if side is not None:
                        side.scores[:, column] = metrics.with_isotonic(side.scores[:, column], points)
            chosen = metrics.best_threshold(truth, validation.scores[:, column])
            calibration[name] = plain | {"threshold": chosen}
            together[name]["threshold"] = chosen
        result["shape_calibration"] = together
    lent = {name: stuff.dataset.column(name)[rows] for name in SLICES if name in stuff.dataset.attributes}
    result |= {
        "val": figures(validation, calibration, draws=0),
        "test": figures(test, calibration, draws=draws),
        "slices": slice_figures(test, lent),
    }
    arrays |= {"val_scores": validation.scores, "test_scores": test.scores}
    if outside is not None and framed is not None:
        result["wild"] = figures(outside, calibration, draws=draws)
        result["wild_aligned"] = figures(framed, calibration, draws=0)
        arrays |= {"wild_scores": outside.scores, "wild_labels": outside.labels, "wild_aligned_scores": framed.scores}
    with replacing(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(result, indent=2), encoding="utf-8")
    with replacing(folder / "scores.npz") as temporary:
        np.savez_compressed(temporary, attributes=np.array(names), **arrays)
    return result
