"""Can attributes tell an emotion? Asked of labelled faces: what carries each emotion, and how far each measure reaches.

Everything is fitted on the training side of a run's faces and judged on its validation side and on further folders that
nothing was fitted on. All figures carry intervals over resampled faces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import InputError, require
from visavis.lab import metrics
from visavis.lab.choices import Classes, choice_figures
from visavis.lab.dataset import SIX, Dataset
from visavis.lab.emotion_data import FaceData, folds, measure_faces, open_emotions
from visavis.lab.emotion_export import network_logs, told_of, weighed
from visavis.lab.emotion_fit import fit_linear, softmax
from visavis.lab.emotion_lessons import emotion_material
from visavis.lab.framing import face_cut
from visavis.lab.metrics import Floats, Interval
from visavis.lab.pixels import Progress, open_store
from visavis.lab.recipe import load_recipe
from visavis.reading.attributes import DEFAULT_CARD, TOLD, AttributeReader
from visavis.reading.emotion import create_emotion_reader
from visavis.reading.emotion_card import EmotionCard, load_emotion_card
from visavis.reading.fusion import attribute_evidence, movements
from visavis.types import EMOTIONS, Face, Float32

__all__ = ["Carrier", "Judged", "Study", "mutual_information", "study_emotions"]

#: The report's six, and the raised brows that it wanted beside them.
SEVEN: Final = (*SIX, "Arched_Eyebrows")
_BINS: Final = 5


@dataclass(frozen=True, slots=True)
class Carrier:
    """What one attribute tells of one emotion against the others.

    Attributes:
        emotion, attribute: which.
        bits: mutual information in bits.
        direction: 1 where it speaks for the emotion, -1 where against.
    """

    emotion: str
    attribute: str
    bits: Interval
    direction: int


@dataclass(frozen=True, slots=True)
class Judged:
    """How one set of faces is told.

    Attributes:
        name: of the set.
        rows: faces judged, those with landmarks.
        missed: faces without.
        ceilings: figures (`choice_figures`) by what was measured; `linear` and `trees` fits.
        readers: figures of the product's readers, by name.
        every: figures of the learned reader on all faces, those without landmarks too.
    """

    name: str
    rows: int
    missed: int
    ceilings: Mapping[str, Mapping[str, Any]]
    readers: Mapping[str, Mapping[str, Any]]
    every: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Study:
    """All answers.

    Attributes:
        trained_on: faces that everything was fitted on.
        carriers: every attribute's information on every emotion, the most telling first.
        areas: by emotion, the area under the ROC curve that the seven attributes reach against all other faces.
        ablation: by emotion and attribute, how far that area falls when the attribute is left out of the seven.
        judged: by set of faces; the first is the validation side.
    """

    trained_on: int
    carriers: tuple[Carrier, ...]
    areas: Mapping[str, Interval]
    ablation: Mapping[str, Mapping[str, float]]
    judged: tuple[Judged, ...]


def mutual_information(labels: NDArray[np.bool_], values: Floats, *, bins: int = _BINS) -> float:
    """Bits that values, parted at their quantiles, tell of a yes or no; with Miller and Madow's correction, at least 0.

    Source: G. Miller, "Note on the bias of information estimates", 1955.
    """
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right")
    counts = np.zeros((len(edges) + 1, 2))
    np.add.at(counts, (place, labels.astype(np.int64)), 1)

    def entropy(cells: Floats) -> float:
        there = cells[cells > 0] / cells.sum()
        return float(-(there * np.log2(there)).sum() + (len(there) - 1) / (2 * np.log(2) * cells.sum()))

    return max(entropy(counts.sum(axis=0)) + entropy(counts.sum(axis=1)) - entropy(counts.ravel()), 0.0)


def _span(value: Callable[[NDArray[np.int64]], float], count: int, *, draws: int) -> Interval:
    dice = np.random.default_rng(0)
    drawn = [value(dice.integers(0, count, count)) for _ in range(draws)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value(np.arange(count)), float(low), float(high))


def _carriers(faces: FaceData, truth: Classes, *, draws: int) -> tuple[Carrier, ...]:
    found = []
    for number, emotion in enumerate(EMOTIONS):
        labels = truth == number
        for column, name in enumerate(faces.names):
            values = faces.attributes[:, column]

            def bits(rows: NDArray[np.int64], labels: Any = labels, values: Any = values) -> float:
                return mutual_information(labels[rows], values[rows])

            direction = 1 if values[labels].mean() > values[~labels].mean() else -1
            found.append(Carrier(emotion, name, _span(bits, len(truth), draws=draws), direction))
    return tuple(sorted(found, key=lambda carrier: -carrier.bits.value))


def _columns(faces: FaceData, names: Sequence[str]) -> Floats:
    return np.asarray(attribute_evidence(faces.attributes[:, [faces.names.index(name) for name in names]]), np.float64)


#: What ceilings are asked of: a name, and the measures of faces.
_MEASURES: Final[Mapping[str, Callable[[FaceData], Floats]]] = {
    "six attributes": lambda faces: _columns(faces, SIX),
    "six + Arched_Eyebrows": lambda faces: _columns(faces, SEVEN),
    "all attributes": lambda faces: _columns(faces, faces.names),
    "movements": lambda faces: np.asarray(movements(faces.blendshapes), np.float64),
    "movements + all attributes": lambda faces: np.concatenate(
        [np.asarray(movements(faces.blendshapes), np.float64), _columns(faces, faces.names)], axis=1
    ),
}


def _trees(measures: Floats, truth: Classes) -> Callable[[Floats], Floats]:
    """Boosted trees, which find what no weighted sum does; all classes weigh alike."""
    require("sklearn", extra="lab")
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.08, max_leaf_nodes=8, l2_regularization=5.0, class_weight="balanced",
        random_state=0,
    ).fit(measures, truth)  # fmt: skip

    def probabilities(others: Floats) -> Floats:
        told = np.zeros((len(others), len(EMOTIONS)))
        told[:, model.classes_] = model.predict_proba(others)
        return told

    return probabilities


def _linear(measures: Floats, truth: Classes, part: NDArray[np.int64]) -> Callable[[Floats], Floats]:
    weights, bias, _ = fit_linear(measures, truth, part)
    return lambda others: softmax(others @ weights.T.astype(np.float64) + bias)


def _read_by(name: str, faces: FaceData) -> tuple[Floats, float]:
    """(N, 7) probabilities of one of the product's table readers, and its `unsure_below`."""
    reader = create_emotion_reader(name)
    told = told_of(faces)
    rows = []
    for row in range(len(faces.found)):
        face = Face(np.zeros(4, np.float32), blendshapes=faces.blendshapes[row])
        rows.append(reader.read(face, attributes=dict(zip(TOLD, told[row].tolist(), strict=True))).probabilities)
    return np.array(rows, np.float64), reader.unsure_below


def _areas(faces: FaceData, truth: Classes, fits: Mapping[str, Callable[[Floats], Floats]], *, draws: int) -> Any:
    """Areas under the ROC curve of the seven, and how far they fall without each of them."""
    whole = fits["all"](_columns(faces, SEVEN))

    def area(scores: Floats, number: int) -> float:
        return metrics.roc_auc((truth == number).astype(np.int64), scores[:, number])

    areas = {
        emotion: metrics.bootstrap(metrics.roc_auc, (truth == number).astype(np.int64), whole[:, number], draws=draws)
        for number, emotion in enumerate(EMOTIONS)
    }
    ablation: dict[str, dict[str, float]] = {emotion: {} for emotion in EMOTIONS}
    for name in SEVEN:
        scores = fits[name](_columns(faces, tuple(other for other in SEVEN if other != name)))
        for number, emotion in enumerate(EMOTIONS):
            ablation[emotion][name] = areas[emotion].value - area(scores, number)
    return areas, ablation


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    name: str
    faces: FaceData
    truth: Classes
    logs: Float32


def _judge(
    one: _Set, fits: Mapping[str, Mapping[str, Callable[[Floats], Floats]]], card: EmotionCard, *, draws: int
) -> Judged:
    kept = np.flatnonzero(np.isfinite(one.faces.blendshapes).all(axis=1))
    faces, truth, logs = one.faces.take(kept), one.truth[kept], one.logs[kept]
    ceilings: dict[str, dict[str, Any]] = {}
    for name, ways in fits.items():
        measures = _MEASURES[name](faces)
        ceilings[name] = {kind: choice_figures(truth, fit(measures), draws=draws) for kind, fit in ways.items()}
    alone = card.ways["picture"]
    told = alone.calibration.probabilities(alone.evidence(logs))
    ceilings["network"] = {"linear": choice_figures(truth, told, draws=draws)}
    unsure = card.ways["picture+movements+attributes"].calibration.unsure_below
    together = choice_figures(truth, weighed(card.ways, logs, faces), unsure_below=unsure, draws=draws)
    ceilings["all together"] = {"linear": together}
    readers = {}
    for name in ("rules", "blendshapes"):
        scores, below = _read_by(name, faces)
        readers[name] = choice_figures(truth, scores, unsure_below=below, draws=draws)
    readers["learned"] = together
    every = choice_figures(one.truth, weighed(card.ways, one.logs, one.faces), unsure_below=unsure, draws=draws)
    return Judged(one.name, len(kept), len(one.truth) - len(kept), ceilings, readers, every)


def study_emotions(
    run: Path,
    *,
    others: Sequence[Path] = (),
    cache: Path,
    assets: AssetStore | None = None,
    draws: int = 300,
    progress: Progress | None = None,
) -> Study:
    """Ask a finished run's faces, and further folders of labelled faces.

    Args:
        run: a run folder with its export.
        others: folders that nothing was fitted on.
        cache: folder of decoded pictures.
        assets: where the face landmarker comes from.
        draws: resamples behind each interval.
        progress: told how far measuring is.

    Raises:
        InputError: no finished run there, or a side without faces.
        ModelError: the package carries no classifier of attributes.
    """
    store = assets or AssetStore()
    card_path = run / "export" / "emotion.json"
    if not card_path.is_file():
        raise InputError(f"{run} has no export; train it first: visavis lab train-emotion")
    card = load_emotion_card(card_path)
    model = card.verified(card_path.parent)
    recipe = load_recipe(run / "recipe.toml")
    stuff = emotion_material(recipe, cache=cache, assets=store, progress=progress)
    truth = stuff.dataset.labels.argmax(axis=1)

    def logs_of(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Float32:
        from visavis.faces.crop import to_input

        return network_logs(
            model, lambda squares: to_input(list(squares), card.crop), pixels, rows, flip=card.flip_average
        )

    rows, val = stuff.rows("train"), stuff.rows("val")
    if not len(val):
        raise InputError("the run's faces have no validation side to judge on")
    sets = [_Set("validation", stuff.faces.take(val), truth[val], logs_of(stuff.exact.pixels, val))]
    for path in others:
        sets.append(_measured(path, card, logs_of, cache=cache, assets=store, limit=recipe.data.limit))
    usable = rows[np.isfinite(stuff.faces.blendshapes[rows]).all(axis=1)]
    faces, known = stuff.faces.take(usable), truth[usable]
    if not faces.names:
        raise InputError("the package carries no classifier of attributes, so there is nothing to ask")
    part = folds(stuff.dataset.take(usable), 5)
    fits: dict[str, dict[str, Callable[[Floats], Floats]]] = {}
    for name, measure in _MEASURES.items():
        measures = measure(faces)
        fits[name] = {"linear": _linear(measures, known, part), "trees": _trees(measures, known)}
    seven = {"all": fits["six + Arched_Eyebrows"]["linear"]}
    for name in SEVEN:
        seven[name] = _linear(_columns(faces, tuple(other for other in SEVEN if other != name)), known, part)
    kept = np.flatnonzero(np.isfinite(sets[0].faces.attributes).all(axis=1))
    areas, ablation = _areas(sets[0].faces.take(kept), sets[0].truth[kept], seven, draws=draws)
    return Study(
        trained_on=len(rows),
        carriers=_carriers(faces, known, draws=min(draws, 100)),
        areas=areas,
        ablation=ablation,
        judged=tuple(_judge(one, fits, card, draws=draws) for one in sets),
    )


def _measured(path: Path, card: EmotionCard, logs_of: Any, *, cache: Path, assets: AssetStore, limit: int) -> _Set:
    """A further folder, all of whose faces are judged."""
    dataset: Dataset = open_emotions(path)
    if limit:
        dataset = dataset.take(np.arange(0, len(dataset), max(len(dataset) // limit, 1)))
    reader = AttributeReader.load() if DEFAULT_CARD.is_file() else None
    faces = measure_faces(dataset, folder=cache, assets=assets, attributes=reader)
    exact = open_store(dataset, face_cut(faces.keypoints, size=card.crop.size), folder=cache)
    rows = np.flatnonzero(exact.usable)
    return _Set(path.name, faces.take(rows), dataset.labels.argmax(axis=1)[rows], logs_of(exact.pixels, rows))
