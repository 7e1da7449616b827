"""`visavis lab train-emotion` and `visavis lab emotion-study`: the reader of emotions, and what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli.console import progress, results_console

if TYPE_CHECKING:
    from visavis.lab.emotion_lessons import EmotionMaterial

__all__ = ["emotion_study", "export_emotions", "train_emotion"]

CacheFolder = Annotated[Path | None, typer.Option("--cache", help="Where decoded pictures are kept.")]


def train_emotion(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (emotion) or a .toml file.")] = "emotion",
    out: Annotated[Path | None, typer.Option("--out", help="The run folder; runs/NAME by default.")] = None,
    faces: Annotated[
        list[Path] | None,
        typer.Option(
            "--faces", help="A folder of faces labelled by emotion, in the place of the recipe's; repeatable."
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", help="Train this network alone (fold-0, ..., student); the same without it finishes the run."
        ),
    ] = None,
    cache: CacheFolder = None,
) -> None:
    """Train the learned reader of emotions, or finish a run that was stopped; measure it and export it.

    A folder holds a labels.csv (file, emotion, and perhaps subject and split), or a folder a class.
    """
    from dataclasses import replace

    from visavis.lab.emotion_train import train_emotion as run
    from visavis.lab.recipe import load_recipe
    from visavis.lab.runs import default_cache

    settings = load_recipe(recipe)
    if faces:
        settings = replace(settings, emotion=replace(settings.emotion, faces=tuple(map(str, faces))))
    folder = out or Path("runs") / settings.name
    with progress(unit="") as display:
        decoding, steps = display.add_task("decoding"), display.add_task(f"training {settings.name}")

        def watch(phase: str, epoch: int, step: int, total: int, loss: float, left: float) -> None:
            display.update(
                steps, description=f"epoch {epoch + 1}, loss {loss:.4f}, {left / 60:.0f} min left of this network",
                completed=step, total=total,
            )  # fmt: skip

        stuff = run(
            settings, folder=folder, cache=cache or default_cache(), watcher=watch,
            progress=lambda done, total: display.update(decoding, completed=done, total=total), only=only,
        )  # fmt: skip
    if only is not None:
        return
    _export(folder, stuff, None)


def export_emotions(run: Path, out: Path | None, cache: Path | None) -> None:
    """Measure and export a run of emotions, its own or joined."""
    from visavis.lab.emotion_lessons import emotion_material
    from visavis.lab.recipe import load_recipe
    from visavis.lab.runs import default_cache

    with progress(unit="pictures") as display:
        task = display.add_task("decoding")
        stuff = emotion_material(
            load_recipe(run / "recipe.toml"), cache=cache or default_cache(),
            progress=lambda done, total: display.update(task, completed=done, total=total),
        )  # fmt: skip
    _export(run, stuff, out)


def _export(run: Path, stuff: EmotionMaterial, out: Path | None) -> None:
    from visavis.lab.emotion_export import export_emotion

    exported = export_emotion(run, stuff, folder=out)
    console = results_console()
    for what, row in exported.figures.get("val", {}).items():
        console.print(f"{what}: {_sentence(row)}", soft_wrap=True)
    console.print(f"{exported.card}: largest difference to Keras {exported.difference:.1e} in a logit", soft_wrap=True)


def _sentence(row: dict[str, Any]) -> str:
    low, high = row["balanced_accuracy_interval"]
    return (
        f"balanced accuracy {row['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f}) on {row['rows']} faces, "
        f"calibration error {row['calibration_error']:.3f}, unsure of {row['unsure']:.0%} (right in "
        f"{row['accuracy_unsure']:.0%} of these, in {row['accuracy_sure']:.0%} of the others)"
    )


def emotion_study(
    run: Annotated[Path, typer.Argument(help="A run folder, made by `visavis lab train-emotion`.")] = Path(
        "runs/emotion"
    ),
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("docs/emotion-study.md"),
    faces: Annotated[
        list[Path] | None,
        typer.Option("--faces", help="A further folder of labelled faces to judge on; repeatable."),
    ] = None,
    cache: CacheFolder = None,
) -> None:
    """Ask whether attributes tell an emotion: what carries each, the readers compared, and the ceilings; as a page."""
    from visavis.lab.emotion_page import write_study_page
    from visavis.lab.emotion_study import study_emotions
    from visavis.lab.runs import default_cache

    with progress(unit="pictures") as display:
        task = display.add_task("measuring")
        study = study_emotions(
            run, others=tuple(faces or ()), cache=cache or default_cache(),
            progress=lambda done, total: display.update(task, completed=done, total=total),
        )  # fmt: skip
    results_console().print(f"{write_study_page(study, out)}", soft_wrap=True)
