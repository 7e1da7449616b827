"""A reading of the shape of a face, fitted on training people, and weighed against the picture on validation."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
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

#: Shares of the shape that are tried.
_SHARES: Final = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


#: The fit, chosen on validation: principal components, hidden units, how many such layers are averaged, drop-out of
#: components and of hidden units, decay, learning rate, rows a step, epochs.
_COMPONENTS: Final = 200
_HIDDEN: Final = 128
_LAYERS: Final = 3
_DROPPED: Final = (0.2, 0.5)
_DECAY: Final = 0.05
_RATE: Final = 2e-3
_BATCH: Final = 128
_EPOCHS: Final = 14
#: Steps at least, where rows are few.
_STEPS: Final = 300


def fit_shape(shapes: Float32, labels: NDArray[np.uint8], *, seed: int = 0) -> ShapeReading:
    """Fit every attribute at once on the principal components of shapes, with a hidden layer, by AdamW.

    Three such networks from other seeds are averaged; side by side they are again one hidden layer, with the projection
    folded into its weights.

    Args:
        shapes: (N, SHAPE_FEATURES); rows with nan are left out.
        labels: (N, A) 0/1.
        seed: of first weights, order and drop-out.

    Raises:
        InputError: not one row has a shape.
    """
    import torch

    usable = np.isfinite(shapes).all(axis=1)
    if not usable.any():
        raise InputError("no face of the training side has landmarks, so there is no shape to learn from")
    x = shapes[usable].astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-3
    standard = (x - mean) / spread
    strength, axes = np.linalg.eigh(standard.T @ standard / len(x))
    kept = np.flatnonzero(strength > 1e-6 * strength[-1])[::-1][:_COMPONENTS]
    project = axes[:, kept] / np.sqrt(strength[kept])  # to components of unit spread
    inputs = torch.tensor(standard @ project, dtype=torch.float32)
    truth = torch.tensor(labels[usable], dtype=torch.float32)
    parts = [_fit_layer(inputs, truth, seed=seed + number) for number in range(_LAYERS)]
    folded = project / spread[:, None]
    hidden_weights = folded @ np.concatenate([part[0] for part in parts], axis=1)
    return ShapeReading(
        hidden_weights.astype(np.float32),
        (np.concatenate([part[1] for part in parts]) - mean @ hidden_weights).astype(np.float32),
        (np.concatenate([part[2] for part in parts]) / _LAYERS).astype(np.float32),
        np.mean([part[3] for part in parts], axis=0).astype(np.float32),
    )


def _fit_layer(inputs: Any, truth: Any, *, seed: int) -> list[Floats]:
    """Hidden weights and biases, output weights and biases of one network; its randomness is its own."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = torch.nn.Linear(inputs.shape[1], _HIDDEN)
        last = torch.nn.Linear(_HIDDEN, truth.shape[1])
        with torch.no_grad():
            last.bias.copy_(torch.logit(truth.mean(0).clamp(1e-3, 1 - 1e-3)))
        network = torch.nn.Sequential(
            torch.nn.Dropout(_DROPPED[0]), hidden, torch.nn.ReLU(), torch.nn.Dropout(_DROPPED[1]), last
        )
        optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
        steps = max(len(inputs) // _BATCH, 1)
        total = max(_EPOCHS * steps, _STEPS)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        order = torch.randperm(len(inputs))
        for step in range(total):
            place = step % steps
            if place == 0:
                order = torch.randperm(len(inputs))
            rows = order[place * _BATCH : (place + 1) * _BATCH]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs[rows]), truth[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    # torch keeps (out, in)
    return [
        part.detach().numpy().astype(np.float64) for part in (hidden.weight.T, hidden.bias, last.weight.T, last.bias)
    ]


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
    np.savez(buffer, **{entry.name: getattr(reading, entry.name) for entry in fields(reading)})
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return buffer.getvalue()
