"""One self-contained HTML page a run: figures, curves, reliability, precision against recall, slices."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import InputError, require
from visavis.files import replacing
from visavis.lab import metrics
from visavis.lab.datasets import SIX

__all__ = ["write_report"]

_STYLE: Final = """
body{font:15px/1.5 Georgia,serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#2b2520;background:#fbf8f2}
table{border-collapse:collapse;margin:1rem 0;font-size:13px}th,td{padding:.2rem .6rem;border-bottom:1px solid #d8cdb8;
text-align:right}th:first-child,td:first-child{text-align:left}img{max-width:100%}pre{background:#f1ebdf;padding:1rem;
overflow:auto;font-size:12px}h1,h2{font-weight:normal}.low{color:#8a7d68}
"""

_COLUMNS: Final = (
    ("positive_rate", "positive"),
    ("accuracy", "accuracy"),
    ("majority_accuracy", "majority"),
    ("average_precision", "average precision"),
    ("roc_auc", "ROC AUC"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("f1", "F1"),
    ("balanced_accuracy", "balanced"),
    ("balanced_accuracy_chosen", "balanced, chosen"),
    ("calibration_error", "ECE"),
    ("calibration_error_fitted", "ECE, fitted"),
)


def write_report(run: Path) -> Path:
    """Write `report.html` into an evaluated run folder and give back its path.

    Raises:
        InputError: the run has not been evaluated.
        MissingPackageError: matplotlib is not installed.
        OutputError: it cannot be written.
    """
    if not (run / "metrics.json").is_file() or not (run / "scores.npz").is_file():
        raise InputError(f"{run} has not been evaluated; run first: visavis lab evaluate {run}")
    result = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    with np.load(run / "scores.npz") as file:
        arrays = {name: file[name] for name in file.files}
    names = [str(name) for name in arrays["attributes"]]
    shown = [name for name in (*SIX, "Arched_Eyebrows") if name in names] or names[:7]
    parts = [f"<h1>{html.escape(result['recipe'])}</h1>", _summary(result)]
    parts += ["<h2>Unseen people</h2>", _table(result["test"], shown), _curves(arrays, names, shown)]
    if len(names) > len(shown):
        rest = [name for name in names if name not in shown]
        parts += ["<h2>The other attributes</h2>", _table(result["test"], rest)]
    if "wild" in result:
        parts += [f"<h2>Un-aligned photos ({result['wild']['rows']})</h2>", _table(result["wild"], shown)]
    parts += ["<h2>Slices, over the six</h2>", _slices(result["slices"])]
    parts.append(_examples(run))
    if (run / "log.csv").is_file():
        parts += ["<h2>Training</h2>", _training(run / "log.csv")]
    for name in ("recipe.toml", "provenance.json"):
        if (run / name).is_file():
            parts += [f"<h2>{name}</h2>", f"<pre>{html.escape((run / name).read_text(encoding='utf-8'))}</pre>"]
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(result['recipe'])}</title>"
        f"<style>{_STYLE}</style>{''.join(parts)}</html>\n"
    )
    with replacing(run / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return run / "report.html"


def _summary(result: Mapping[str, Any]) -> str:
    if "six" not in result["test"]:
        return f"<p>{result['test']['rows']} pictures of people never trained on.</p>"
    six = result["test"]["six"]
    text = (
        f"<p>{result['test']['rows']} pictures of people never trained on. Over the report's six: mean average "
        f"precision <b>{six['mean']['average_precision']:.3f}</b>, balanced accuracy at thresholds chosen on "
        f"validation <b>{six['mean']['balanced_accuracy_chosen']:.3f}</b>, micro-precision "
        f"<b>{six['micro_precision']:.3f}</b> at recall {six['micro_recall']:.3f} (Keras's Precision, threshold 0.5; "
        "the report had 0.80).</p>"
    )
    if "wild" in result and "six" in result["wild"]:
        wild = result["wild"]["six"]["mean"]["average_precision"]
        text += f"<p>Through the detector, on un-aligned photos: mean average precision {wild:.3f}.</p>"
    return text


def _table(side: Mapping[str, Any], names: Sequence[str]) -> str:
    head = "".join(f"<th>{title}</th>" for _, title in _COLUMNS)
    rows = []
    for name in names:
        row = side["attributes"][name]
        cells = []
        for key, _ in _COLUMNS:
            span = row.get("intervals", {}).get(key)
            extra = f" <span class=low>{span[0]:.2f} to {span[1]:.2f}</span>" if span else ""
            cells.append(f"<td>{row[key]:.3f}{extra}</td>")
        rows.append(f"<tr><td>{html.escape(name)}</td>{''.join(cells)}</tr>")
    return f"<table><tr><th>attribute</th>{head}</tr>{''.join(rows)}</table>"


def _slices(slices: Mapping[str, Mapping[str, float]]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{row['rows']}</td><td>{row['mean_average_precision']:.3f}</td>"
        f"<td>{row['accuracy']:.3f}</td><td>{row['balanced_accuracy']:.3f}</td></tr>"
        for name, row in slices.items()
    )
    return (
        "<table><tr><th>slice</th><th>pictures</th><th>mean average precision</th><th>accuracy</th>"
        f"<th>balanced</th></tr>{rows}</table>"
    )


def _examples(run: Path) -> str:
    """Pointers to pictures that lie in the run folder; the page holds none of them, so it can be given away."""
    links = "".join(f'<li><a href="examples/{path.name}">{path.stem}</a></li>' for path in run.glob("examples/*.png"))
    return f"<h2>Told best and worst</h2><p>On this machine only:</p><ul>{links}</ul>" if links else ""


def _figure(columns: int) -> tuple[Any, Any]:
    require("matplotlib", extra="lab")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * columns, 4.2), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _embed(figure: Any, alt: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return f'<img alt="{alt}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def _curves(arrays: Mapping[str, Any], names: Sequence[str], shown: Sequence[str]) -> str:
    figure, (left, right) = _figure(2)
    for name in shown:
        column = names.index(name)
        labels, scores = arrays["test_labels"][:, column], arrays["test_scores"][:, column]
        precision, recall, _ = metrics.precision_recall_curve(labels, scores)
        left.plot(recall, precision, label=name.replace("_", " "), linewidth=1.2)
        told, true, _ = metrics.reliability(labels, scores, bins=10)
        right.plot(told, true, marker="o", markersize=3, linewidth=1)
    left.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    left.legend(fontsize=7)
    right.plot([0, 1], [0, 1], color="grey", linestyle=":")
    right.set(xlabel="probability told", ylabel="share of positives", xlim=(0, 1), ylim=(0, 1))
    return _embed(figure, "precision against recall, and reliability")


def _training(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = range(1, len(rows) + 1)
    figure, (left, right) = _figure(2)
    for key, title in (("train_loss", "training"), ("loss", "validation")):
        left.plot(epochs, [float(row[key]) for row in rows], label=title)
    left.set(xlabel="epoch", ylabel="loss")
    left.legend()
    right.plot(epochs, [float(row["mean_average_precision"]) for row in rows], color="#7a3b1d")
    right.set(xlabel="epoch", ylabel="mean average precision, validation")
    return _embed(figure, "training curves")
