"""A linear reading of the shape of a face, fitted on training people, and weighed against the picture on validation."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputError
from visavis.files import replacing
from visavis.lab import metrics
from visavis.lab.metrics import Floats
from visavis.reading.shape import ShapeReading
from visavis.types import Float32

__all__ = ["choose_share", "fit_shape", "fuse", "fused_scores", "save_shape"]

#: Weight of the squared standardised weights against the mean cross-entropy; chosen on validation among 0.02 to 1.
_RIDGE: Final = 0.3
#: Shares of the shape that are tried.
_SHARES: Final = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def fit_shape(shapes: Float32, labels: NDArray[np.uint8], *, ridge: float = _RIDGE) -> ShapeReading:
    """Logistic regression of every attribute on standardised shapes, with a ridge, by L-BFGS.

    Linear on purpose: a hidden layer does better on aligned pictures and worse on photos (docs/adr/0015).

    Args:
        shapes: (N, SHAPE_FEATURES); rows with nan are left out.
        labels: (N, A) 0/1.
        ridge: weight of the penalty.

    Raises:
        InputError: not one row has a shape.
    """
    import torch

    usable = np.isfinite(shapes).all(axis=1)
    if not usable.any():
        raise InputError("no face of the training side has landmarks, so there is no shape to learn from")
    x, y = shapes[usable].astype(np.float64), labels[usable]
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-3
    inputs, truth = torch.tensor((x - mean) / spread, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    rate = truth.mean(0).clamp(1e-3, 1 - 1e-3)
    weights = torch.zeros(inputs.shape[1], truth.shape[1], requires_grad=True)
    bias = torch.logit(rate).requires_grad_()
    solver = torch.optim.LBFGS([weights, bias], max_iter=150, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Any:
        solver.zero_grad()
        logits = inputs @ weights + bias
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(0).sum()
        total = loss + ridge / 2 * weights.square().sum()
        total.backward()
        return total

    solver.step(closure)
    scaled = weights.detach().numpy() / spread[:, None]
    return ShapeReading(scaled.astype(np.float32), (bias.detach().numpy() - mean @ scaled).astype(np.float32))


def choose_share(labels: NDArray[np.uint8], scores: Floats, shape_logits: Floats) -> float:
    """The share of the shape in the mean of both logits that has the best mean average precision, on validation.

    One share for all attributes: a share of its own for each would be fitted to the few positives of the rare ones.

    Args:
        labels: (N, A) 0/1.
        scores: (N, A) probabilities of the picture alone.
        shape_logits: (N, A); rows with nan are left out.
    """
    usable = np.isfinite(shape_logits).all(axis=1)
    z, s, y = metrics.logit(scores[usable]), shape_logits[usable], labels[usable]
    return max(_SHARES, key=lambda share: metrics.mean_average_precision(y, (1 - share) * z + share * s))


def fuse(labels: NDArray[np.uint8], scores: Floats, shape_logits: Floats, *, share: float) -> dict[str, float]:
    """Calibration of one attribute's mixed logit, (N,) each, fitted on validation.

    Returns:
        `temperature`, `bias` and `shape_weight`, so that the calibrated logit is picture / temperature + bias +
        shape_weight * shape.
    """
    usable = np.isfinite(shape_logits)
    mixed = (1 - share) * metrics.logit(scores[usable]) + share * shape_logits[usable]
    temperature, bias = metrics.fit_temperature(labels[usable], 0.5 * (1 + np.tanh(mixed / 2)))
    return {"temperature": temperature / (1 - share), "bias": bias, "shape_weight": share / temperature}


def fused_scores(
    scores: Float32, shape_logits: Float32, calibration: Mapping[str, Mapping[str, Any]], names: tuple[str, ...],
    alone: Mapping[str, Mapping[str, Any]],
) -> Float32:  # fmt: skip
    """(N, A) calibrated probabilities of picture and shape; of the picture alone where a row has no shape."""
    columns = []
    for column, name in enumerate(names):
        row, plain = calibration[name], alone[name]
        z = metrics.logit(scores[:, column])
        together = z / row["temperature"] + row["bias"] + row["shape_weight"] * shape_logits[:, column]
        single = z / plain["temperature"] + plain["bias"]
        columns.append(0.5 * (1 + np.tanh(np.where(np.isfinite(together), together, single) / 2)))
    return np.column_stack(columns).astype(np.float32)


def save_shape(path: Path, reading: ShapeReading) -> bytes:
    """Write weights as `.npz`, and give back the bytes written.

    Raises:
        OutputError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, weights=reading.weights, bias=reading.bias)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return buffer.getvalue()
