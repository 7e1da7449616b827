"""Questions asked of many runs: a list, a grid or an Optuna search over a recipe's keys, resumable, with a table.

name = "mine"
base = "default"                            # a recipe
wild = "$VISAVIS_SHARED/data/wild"          # whole photos: every run is also judged on test, and on these as found
metric = "mean_average_precision"           # of validation, as are six_average_precision, loss, accuracy ...
[grid]                                      # every combination
"train.rate" = [0.001, 0.01]
[search]                                    # or: Optuna's choice between a low and a high, or of a list
trials = 20
"train.rate" = { low = 1e-4, high = 1e-2, log = true }
"""

from __future__ import annotations

import csv
import itertools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from visavis.errors import ConfigError, require
from visavis.files import replacing
from visavis.lab.gap import Gap, domain_gap
from visavis.lab.recipe import Recipe, load_recipe, recipe_from

if TYPE_CHECKING:
    from visavis.lab.checkpoint import Epoch

__all__ = ["Question", "Study", "load_study", "run_study", "with_settings"]

_METRICS: Final = (
    "mean_average_precision",
    "six_average_precision",
    "loss",
    "accuracy",
    "micro_precision",
    "micro_recall",
)
_SHOWN: Final = ("mean_average_precision", "micro_precision", "micro_recall", "loss", "train_loss")


@dataclass(frozen=True, slots=True)
class Question:
    """One run: its name, what it changes, and what was claimed of it before."""

    name: str
    settings: Mapping[str, Any]
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """Many runs of one recipe.

    Attributes:
        name: what the folder is called.
        base: the recipe that all start from.
        metric: what tells the best, of validation.
        questions: the runs of a list or grid.
        trials: how many runs a search makes; 0 where there is none.
        space: what a search may choose, by key.
        wild: a data set of whole photos on which every run is judged through the detector, or empty.
    """

    name: str
    base: Recipe
    metric: str
    questions: tuple[Question, ...]
    trials: int = 0
    space: Mapping[str, Any] | None = None
    wild: str = ""


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """A recipe with some keys changed, each told as `table.key`.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    table: dict[str, Any] = {}
    for entry in fields(recipe):
        value = getattr(recipe, entry.name)
        table[entry.name] = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else value
    for key, value in settings.items():
        place, _, name = key.rpartition(".")
        if place and not isinstance(table.get(place), dict):
            raise ConfigError(f"a study sets {key!r}, but a recipe has no table {place!r}")
        (table[place] if place else table)[name] = value
    return recipe_from(table, where="study")


def load_study(name: str | Path) -> Study:
    """Read a study from a TOML file, or a shipped one by name.

    Raises:
        ConfigError: no such study, not TOML, or its content is wrong.
    """
    path = Path(name)
    shipped = resources.files("visavis.lab") / "studies" / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8") if path.suffix == ".toml" else shipped.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"there is no study {str(name)!r} ({error}); give a .toml file, or report-2019") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the study {name} is not TOML ({error})") from error
    unknown = sorted(set(table) - {"name", "base", "metric", "run", "grid", "search", "wild"})
    if unknown:
        raise ConfigError(f"the study {name} has the unknown key {', '.join(unknown)}")
    metric = table.get("metric", _METRICS[0])
    if metric not in _METRICS:
        raise ConfigError(f"a study's metric must be one of {', '.join(_METRICS)}, not {metric!r}")
    base = load_recipe(table.get("base", "default"))
    questions = [
        Question(str(row["name"]), dict(row.get("set", {})), str(row.get("claim", ""))) for row in table.get("run", [])
    ]
    grid = table.get("grid", {})
    for values in itertools.product(*grid.values()) if grid else ():
        settings = dict(zip(grid, values, strict=True))
        questions.append(
            Question(",".join(f"{key.split('.')[-1]}={value}" for key, value in settings.items()), settings)
        )
    search = dict(table.get("search", {}))
    trials = int(search.pop("trials", 20)) if search else 0
    if not questions and not trials:
        raise ConfigError(f"the study {name} asks nothing: give [[run]], [grid] or [search]")
    for question in questions:
        with_settings(base, question.settings)
    for key, choice in search.items():
        if isinstance(choice, list) and choice:
            ends = choice
        elif isinstance(choice, dict) and {"low", "high"} <= set(choice) <= {"low", "high", "log"}:
            ends = [choice["low"], choice["high"]]
        else:
            raise ConfigError(f"the study {name} searches {key} in {choice!r}; give a list, or a low and a high")
        for end in ends:
            with_settings(base, {key: end})
    return Study(
        str(table.get("name", path.stem)),
        base,
        metric,
        tuple(questions),
        trials,
        search or None,
        str(table.get("wild", "")),
    )


def run_study(study: Study, *, folder: Path, cache: Path, say: Callable[[str], None]) -> Path:
    """Train what is not yet trained, and write `table.md`, `table.csv` and `study.png`; gives back the first.

    Args:
        study: what to ask.
        folder: one run folder a question goes here; finished ones are taken as they are, a broken-off one goes on.
        cache: folder of decoded pictures and features.
        say: told what is going on.

    Raises:
        VisavisError: whatever training raises.
    """
    from visavis.lab.runs import run

    answers: list[_Answer] = []

    def ask(question: Question) -> float:
        recipe = with_settings(study.base, {**question.settings, "name": question.name})
        say(f"{question.name}: {dict(question.settings) or 'as it is'}")
        log = run(recipe, folder=folder / question.name, cache=cache)
        sign = -1.0 if study.metric == "loss" else 1.0
        best = max(log, key=lambda entry: sign * float(getattr(entry, study.metric)))
        gap = _gap(folder / question.name, study.wild, cache=cache) if study.wild else None
        answers.append(_Answer(question, best, gap))
        _write(study, folder, answers)
        return float(getattr(best, study.metric))

    for question in study.questions:
        ask(question)
    if study.trials:
        _search(study, folder, ask)
    return folder / "table.md"


def _search(study: Study, folder: Path, ask: Callable[[Question], float]) -> None:
    optuna = require("optuna", extra="search")
    space = study.space or {}

    def objective(trial: Any) -> float:
        settings = {key: _suggested(trial, key, choice) for key, choice in space.items()}
        return ask(Question(_trial_name(trial.number), settings))

    folder.mkdir(parents=True, exist_ok=True)
    search = optuna.create_study(
        study_name=study.name,
        direction="minimize" if study.metric == "loss" else "maximize",
        storage=f"sqlite:///{folder / 'optuna.db'}",
        sampler=optuna.samplers.TPESampler(seed=study.base.seed),
        load_if_exists=True,
    )
    # A trial that was broken off has no value, and is made up for by another one.
    told = [trial for trial in search.trials if trial.value is not None]
    for trial in told:
        ask(Question(_trial_name(trial.number), dict(trial.params)))  # its run is there: this puts it into the table
    search.optimize(objective, n_trials=max(study.trials - len(told), 0))


def _trial_name(number: int) -> str:
    return f"trial-{number:03d}"


def _suggested(trial: Any, key: str, choice: Any) -> Any:
    """Optuna's choice for one key: of a list, or between a low and a high."""
    if isinstance(choice, list):
        return trial.suggest_categorical(key, choice)
    log = bool(choice.get("log", False))
    if isinstance(choice["low"], int) and isinstance(choice["high"], int):
        return trial.suggest_int(key, choice["low"], choice["high"], log=log)
    return trial.suggest_float(key, choice["low"], choice["high"], log=log)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a run gave: its best epoch, and its figures on unseen people and through the detector where asked for."""

    question: Question
    best: Epoch
    gap: Gap | None


def _gap(run: Path, wild: str, *, cache: Path) -> Gap:
    """The run's domain gap, from its figures where it has been judged already."""
    from visavis.lab.evaluate import evaluate_run
    from visavis.lab.report import write_report
    from visavis.lab.runs import expand

    if not (run / "scores.npz").is_file():
        evaluate_run(run, cache=cache, wild=expand(wild))
        write_report(run)
    return domain_gap(run)


def _write(study: Study, folder: Path, answers: list[_Answer]) -> None:
    head = ["run", *(name.replace("_", " ") for name in _SHOWN), "best epoch", "claimed"]
    rows = []
    for answer in answers:
        values = [f"{getattr(answer.best, name):.4f}" for name in _SHOWN]
        rows.append([answer.question.name, *values, str(answer.best.epoch + 1), answer.question.claim])
    if study.wild:
        head[-1:-1] = ["test", "at the photos' rates", "photos, framed so", "wild", "lost", "lost at equal rates",
                       "lost on the same photos"]  # fmt: skip
        for row, answer in zip(rows, answers, strict=True):
            gap = answer.gap
            assert gap is not None
            told = (gap.aligned, gap.matched, gap.framed, gap.wild, gap.lost, gap.lost_matched, gap.lost_framing)
            row[-1:-1] = [f"{value:.4f}" for value in told]
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    with replacing(folder / "table.md") as temporary:
        temporary.write_text("".join(f"| {line} |\n" for line in lines), encoding="utf-8")
    with replacing(folder / "table.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    require("matplotlib", extra="lab")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.5 * len(rows) + 1.5), layout="constrained")
    axes = figure.subplots()
    axes.barh([answer.question.name for answer in answers], [getattr(a.best, study.metric) for a in answers])
    axes.set(xlabel=f"{study.metric.replace('_', ' ')}, validation")
    axes.invert_yaxis()
    with replacing(folder / "study.png") as temporary:
        figure.savefig(temporary, dpi=100)
