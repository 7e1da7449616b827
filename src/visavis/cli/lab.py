"""`visavis lab`: data sets, training, evaluation and export of the attribute classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli.console import errors_console, progress, results_console
from visavis.cli.lab_emotion import emotion_study, train_emotion
from visavis.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["register"]

RecipeName = Annotated[str, typer.Argument(help="A shipped recipe (default, small, report-2019 ...) or a .toml file.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder, made by `visavis lab train`.")]
CacheFolder = Annotated[Path | None, typer.Option("--cache", help="Where decoded pictures and features are kept.")]
WildFolder = Annotated[
    Path | None, typer.Option("--wild", help="A data set of whole photos, seen through the detector.")
]


def register(app: typer.Typer) -> None:
    """Add the group `lab`."""
    group = typer.Typer(no_args_is_help=True, help="Train, measure and ship the attribute classifier (visavis[lab]).")
    group.command("check")(check)
    group.command("prepare")(prepare)
    group.command("train")(train)
    group.command("evaluate")(evaluate)
    group.command("join")(join)
    group.command("export")(export)
    group.command("mnist")(mnist)
    group.command("study")(study)
    group.command("train-emotion")(train_emotion)
    group.command("emotion-study")(emotion_study)
    app.add_typer(group, name="lab")


def check(
    folder: Annotated[Path, typer.Argument(help="A data set: plain, CelebA, CelebA-HQ, the report's CSV, or Parquet.")],
    form: Annotated[str, typer.Option(help="Its form, where the files do not tell it.")] = "",
    split: Annotated[str, typer.Option(help="official or identity.")] = "official",
    pixels: Annotated[bool, typer.Option(help="Also open every picture, and look for duplicates.")] = True,
) -> None:
    """Print counts, positive rates by split, unreadable files and duplicates; exit with 1 where there are any."""
    from rich.table import Table

    from visavis.lab.check import check_dataset
    from visavis.lab.datasets import SPLITS, open_dataset
    from visavis.lab.splits import official_split, split_by_identity

    dataset = open_dataset(folder, form=form)
    if split == "identity" or any(dataset.split):
        dataset = split_by_identity(dataset) if split == "identity" else official_split(dataset)
    with progress(unit="pictures") as display:
        task = display.add_task("opening", total=len(dataset))
        found = check_dataset(
            dataset, pixels=pixels, progress=lambda done, total: display.update(task, completed=done, total=total)
        )
    table = Table("attribute", *found.counts, title=f"Share of positives in {folder}")
    for name in dataset.attributes:
        table.add_row(name, *(f"{found.rates[side][name]:.3f}" for side in found.counts))
    console = results_console()
    console.print(table)
    for side in (*SPLITS, ""):
        if side in found.counts:
            console.print(f"{side or 'no side'}: {found.counts[side]} pictures, {found.people[side]} people")
    console.print(f"people on two sides: {len(found.shared_people)}")
    for name, reason in found.unreadable:
        console.print(f"unreadable: {name}: {reason}", markup=False, soft_wrap=True)
    for names in found.duplicates:
        console.print(f"the same pixels: {', '.join(names)}", markup=False, soft_wrap=True)
    if found.unreadable or found.shared_people:
        raise typer.Exit(1)


def prepare(
    folder: Annotated[Path, typer.Argument(help="A data set of raw photos.")],
    out: Annotated[Path, typer.Argument(help="Folder for the crops and their labels.csv.")],
    detector: Annotated[str | None, typer.Option(help="What proposes faces: see `visavis faces`.")] = None,
    size: Annotated[int, typer.Option(help="Side of the crops in pixels.")] = 256,
    grown: Annotated[float, typer.Option(help="How much larger a square than the live crop.")] = 1.0,
    form: Annotated[str, typer.Option(help="Its form, where the files do not tell it.")] = "",
) -> None:
    """Crop every face of a data set as the live product would, into a data set of the plain form."""
    from visavis.assets import AssetStore
    from visavis.lab.datasets import open_dataset
    from visavis.lab.prepare import prepare_dataset

    dataset = open_dataset(folder, form=form)
    with progress(unit="pictures") as display:
        task = display.add_task("cropping", total=len(dataset))
        skipped = prepare_dataset(
            dataset, out, assets=AssetStore(), detector=detector, size=size, grown=grown,
            progress=lambda done, total: display.update(task, completed=done, total=total),
        )  # fmt: skip
    console = results_console()
    console.print(f"{len(dataset) - len(skipped)} crops in {out}", soft_wrap=True)
    for name, reason in skipped:
        console.print(f"left out: {name}: {reason}", markup=False, soft_wrap=True)


def train(
    recipe: RecipeName = "default",
    out: Annotated[Path | None, typer.Option("--out", help="The run folder; runs/NAME by default.")] = None,
    cache: CacheFolder = None,
    plain: Annotated[bool, typer.Option("--plain", help="Do not keep the features of a frozen trunk.")] = False,
    wild: WildFolder = None,
) -> None:
    """Train a recipe, or finish a run that was stopped; then evaluate it.

    Under `torchrun --nproc-per-node N -m visavis lab train RECIPE` the processes share each batch.
    """
    import os

    from visavis.lab.recipe import load_recipe
    from visavis.lab.runs import default_cache, run

    settings = load_recipe(recipe)
    folder = out or Path("runs") / settings.name
    store = cache or default_cache()
    with progress(unit="") as display:
        decoding, steps = display.add_task("decoding"), display.add_task(f"training {settings.name}")

        def watch(phase: str, epoch: int, step: int, total: int, loss: float, left: float) -> None:
            display.update(
                steps, description=f"{phase} epoch {epoch + 1}, loss {loss:.4f}, {left / 60:.0f} min left",
                completed=step, total=total,
            )  # fmt: skip

        run(
            settings, folder=folder, cache=store, watcher=watch, keep_features=not plain,
            progress=lambda done, total: display.update(decoding, completed=done, total=total),
        )  # fmt: skip
    if int(os.environ.get("RANK", "0")) == 0:
        evaluate(folder, cache=store, wild=wild)


def evaluate(
    run: RunFolder,
    cache: CacheFolder = None,
    wild: WildFolder = None,
    isotonic: Annotated[
        bool, typer.Option("--isotonic", help="Calibrate by isotonic regression after temperature and bias.")
    ] = False,
    examples: Annotated[
        int, typer.Option(help="Write so many of the pictures told best, and as many told worst, into the run folder.")
    ] = 0,
    grad_cam: Annotated[
        int, typer.Option("--grad-cam", help="As --examples, each with where the network looks (Grad-CAM).")
    ] = 0,
) -> None:
    """Measure a run: figures by attribute with intervals, calibration, slices, the domain gap; and an HTML report."""
    from visavis.lab.evaluate import evaluate_run
    from visavis.lab.examples import write_examples
    from visavis.lab.report import write_report
    from visavis.lab.runs import default_cache

    store = cache or default_cache()
    with progress(unit="pictures") as display:
        task = display.add_task("decoding")
        result = evaluate_run(
            run, cache=store, wild=wild, isotonic=isotonic,
            progress=lambda done, total: display.update(task, completed=done, total=total),
        )  # fmt: skip
    _print_figures(result)
    if examples or grad_cam:
        count = max(examples, grad_cam)
        paths = write_examples(run, cache=store, count=count, grad_cam=grad_cam > 0)
        results_console().print(f"pictures told best and worst: {paths[0].parent} (they show people)", soft_wrap=True)
    if wild is not None:
        _print_gap(run)
    results_console().print(f"report: {write_report(run)}", soft_wrap=True)


def _print_gap(run: Path) -> None:
    from visavis.lab.gap import domain_gap

    gap = domain_gap(run)
    results_console().print(
        f"from aligned pictures to photos: mean average precision {gap.aligned:.3f} to {gap.wild:.3f}, lost "
        f"{gap.lost:.3f}; at the photos' rates of positives {gap.matched:.3f} to {gap.wild:.3f}, lost "
        f"{gap.lost_matched:.3f}; ROC AUC {gap.aligned_auc:.3f} to {gap.wild_auc:.3f}. "
        f"The same photos framed as the aligned pictures {gap.framed:.3f}, lost by the detector's crop "
        f"{gap.lost_framing:.3f} (ROC AUC {gap.framed_auc:.3f} to {gap.wild_auc:.3f})",
        soft_wrap=True,
    )


def join(
    out: Annotated[Path, typer.Argument(help="The new run folder.")],
    runs: Annotated[list[Path], typer.Argument(help="Run folders of the same data and shape of pictures.")],
    weights: Annotated[
        bool, typer.Option("--weights", help="Average the weights into one network, not the logits of all.")
    ] = False,
    shares: Annotated[
        list[float] | None, typer.Option("--share", help="How much each run counts, once for each in their order.")
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Also judge by the mirror image, for twice the time.")
    ] = False,
) -> None:
    """Make several runs one: a run folder to evaluate and export like any other."""
    from visavis.lab.emotion_runs import join_emotions, reads_emotions
    from visavis.lab.members import average_weights, join_runs

    emotions = all(reads_emotions(run) for run in runs)
    if shares and (weights or emotions):
        raise ConfigError("--share is for the logits of attribute runs; leave it out here")
    next_step = "evaluate"
    if weights:
        average_weights(out, runs)
    elif emotions:
        join_emotions(out, runs)
        next_step = "export"
    else:
        join_runs(out, runs, shares=shares or (), flip_average=mirror)
    results_console().print(f"{out}; now: visavis lab {next_step} {out}", soft_wrap=True)


def _print_figures(result: dict[str, Any]) -> None:
    from rich.table import Table

    from visavis.lab.datasets import SIX

    rows = result["test"]["attributes"]
    names = [name for name in (*SIX, "Arched_Eyebrows") if name in rows] or list(rows)
    table = Table("attribute", "accuracy", "majority", "average precision", "ROC AUC", "balanced (chosen)", "ECE")
    for name in names:
        row = rows[name]
        keys = ("accuracy", "majority_accuracy", "average_precision", "roc_auc")
        fitted = ("balanced_accuracy_chosen", "calibration_error_fitted")
        table.add_row(name, *(f"{row[key]:.3f}" for key in (*keys, *fitted)))
    console = results_console()
    console.print(table)
    if "six" in result["test"]:
        six = result["test"]["six"]
        console.print(
            f"over the six: mean average precision {six['mean']['average_precision']:.3f}, balanced accuracy "
            f"{six['mean']['balanced_accuracy_chosen']:.3f}, micro-precision {six['micro_precision']:.3f} at recall "
            f"{six['micro_recall']:.3f}"
        )


def export(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the ONNX file and its card.")] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in float16, and measure what that loses.")
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="As --half, but the weights of the largest layers in eight bits.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write an eight-bit form, and measure what it loses.")
    ] = False,
    cache: CacheFolder = None,
) -> None:
    """Write a run as ONNX with its model card, having checked that both forms give the same figures."""
    from visavis.cli.lab_emotion import export_emotions
    from visavis.lab.emotion_runs import reads_emotions
    from visavis.lab.export import export_run
    from visavis.lab.runs import default_cache

    if reads_emotions(run):
        export_emotions(run, out, cache)
        return
    exported = export_run(run, folder=out or run, half=half, compact=compact, int8=int8, cache=cache or default_cache())
    console = results_console()
    console.print(f"{exported.card}: largest difference to Keras {exported.difference:.1e}", soft_wrap=True)
    if exported.half_loss is not None:
        console.print(f"weights stored in fewer bits: mean average precision falls by {exported.half_loss:.5f}")
    if exported.int8_loss is not None:
        console.print(f"eight bits: mean average precision falls by {exported.int8_loss:.4f}")


def mnist(
    folder: Annotated[Path, typer.Argument(help="Folder with idx files of pictures and labels, plain or .gz.")],
    train_rows: Annotated[
        int, typer.Option("--train", help="How many pictures to train on; the rest is held out.")
    ] = 8000,
    epochs: Annotated[int, typer.Option(help="Epochs, the report's ten by default.")] = 10,
) -> None:
    """Train the report's first network on handwritten digits (or Fashion-MNIST) and tell what it gets right."""
    from visavis.lab.mnist import train_mnist

    result = train_mnist(folder, train_rows=train_rows, epochs=epochs)
    results_console().print(
        f"{result.train_rows} pictures, {epochs} epochs: accuracy {result.validation_accuracy:.4f} on validation, "
        f"{result.accuracy:.4f} on {result.test_rows} held out"
    )


def study(
    name: Annotated[
        str, typer.Argument(help="A shipped study (report-2019, report-2019-lite, domain-gap) or a .toml file.")
    ] = "report-2019",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the runs and the table.")] = None,
    cache: CacheFolder = None,
) -> None:
    """Train every combination of a grid, or go on with one; write a table and a plot."""
    from visavis.lab.runs import default_cache
    from visavis.lab.study import load_study, run_study

    plan = load_study(name)
    folder = out or Path("runs") / f"study-{plan.name}"
    say: Callable[[str], None] = lambda text: errors_console().print(text, highlight=False, soft_wrap=True)  # noqa: E731
    path = run_study(plan, folder=folder, cache=cache or default_cache(), say=say)
    results_console().print(path.read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True)
