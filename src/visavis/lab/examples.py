"""The pictures that a run tells best and worst, written beside its figures.

They show the people of the data set, so they stay in the run folder: nothing else holds them, the HTML report only
points to them, and they are never part of what is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import InputError, require
from visavis.files import replacing
from visavis.lab.dataset import SIX
from visavis.lab.finished import load_run
from visavis.lab.runs import material
from visavis.types import Float32

__all__ = ["best_and_worst", "write_examples"]


def best_and_worst(
    labels: NDArray[np.uint8], scores: Float32, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of (N,) that are told best and worst; half of the best are positives, where there are so many."""
    right = np.where(labels > 0, scores, 1 - scores)
    order = np.argsort(-right, kind="stable")
    positive = order[labels[order] > 0][: (count + 1) // 2]
    negative = order[labels[order] == 0][: count - len(positive)]
    return np.concatenate([positive, negative]), order[::-1][:count]


def write_examples(
    run: Path,
    *,
    cache: Path,
    count: int = 8,
    grad_cam: bool = False,
    attributes: Sequence[str] = (),
    assets: AssetStore | None = None,
) -> tuple[Path, ...]:
    """Write `examples/ATTRIBUTE.png` into an evaluated run: the test pictures told best, and those told worst.

    Args:
        run: an evaluated run.
        cache: folder of decoded pictures.
        count: how many of each.
        grad_cam: under each picture also show where the network looks for the attribute.
        attributes: which; by default the report's six, or all where it has none of them.
        assets: where the face landmarker comes from.

    Raises:
        InputError: the run has not been evaluated, or does not know an attribute.
        MissingPackageError: matplotlib is not installed.
        OutputError: the folder cannot be written.
    """
    if not (run / "scores.npz").is_file():
        raise InputError(f"{run} has not been evaluated; run first: visavis lab evaluate {run}")
    with np.load(run / "scores.npz") as file:
        names = [str(name) for name in file["attributes"]]
        labels, scores, rows = file["test_labels"], file["test_scores"], file["test_rows"]
    shown = list(attributes) or [name for name in SIX if name in names] or names
    unknown = [name for name in shown if name not in names]
    if unknown:
        raise InputError(f"{run} tells nothing of {', '.join(unknown)}; it knows {', '.join(names)}")
    recipe, network = load_run(run)
    exact = material(recipe, cache=cache, assets=assets).exact
    paths = []
    for name in shown:
        column = names.index(name)
        chosen = best_and_worst(labels[:, column], scores[:, column], count)
        squares = [np.array(exact.pixels[rows[places]]) for places in chosen]
        heat = None
        if grad_cam:
            from visavis.lab.gradcam import heat_maps

            heat = [heat_maps(network, part, column) for part in squares]
        told = [[f"{scores[row, column]:.2f}, is {labels[row, column]}" for row in places] for places in chosen]
        path = run / "examples" / f"{name}.png"
        _sheet(path, name, squares, told, heat)
        paths.append(path)
    return tuple(paths)


def _sheet(
    path: Path, name: str, squares: list[NDArray[np.uint8]], told: list[list[str]], heat: list[Float32] | None
) -> None:
    require("matplotlib", extra="lab")
    from matplotlib.figure import Figure

    lines = 4 if heat else 2
    columns = max(len(part) for part in squares)
    figure = Figure(figsize=(1.5 * columns, 1.75 * lines), layout="constrained")
    grid: Any = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for side, (pictures, words) in enumerate(zip(squares, told, strict=True)):
        for place, picture in enumerate(pictures):
            axes = grid[side * (lines // 2), place]
            axes.imshow(picture)
            axes.set_title(words[place], fontsize=8)
            if heat:
                grid[side * 2 + 1, place].imshow(picture)
                grid[side * 2 + 1, place].imshow(heat[side][place], cmap="inferno", alpha=0.5, vmin=0, vmax=1)
    figure.suptitle(f"{name.replace('_', ' ')}: above told best, below told worst", fontsize=10)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=80)
