"""The training loop, whole and visible: recipe in, run folder out.

    RUN/recipe.toml      the resolved recipe
    RUN/provenance.json  versions, commit, processor, hashes of data, pixels and weights
    RUN/log.csv          one line an epoch (and TensorBoard events, where tensorboard is installed)
    RUN/checkpoint.pt    all that a killed run needs to go on as if nothing had happened
    RUN/best.pt          the weights that did best on validation: what evaluation and export take

Nothing random depends on history: order, augmentation, drop-out and stochastic depth are drawn from (seed, step), so a
resumed run takes the very steps that the killed one would have taken. Under `torchrun` every process takes its share
of each batch and gradients are averaged.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visavis.errors import ConfigError, InputError, ModelError
from visavis.files import replacing
from visavis.lab import metrics
from visavis.lab.augment import Augmenter
from visavis.lab.average import follow, lent_weights
from visavis.lab.checkpoint import Checkpoint, Epoch, read_weights, save_weights, write_log
from visavis.lab.dataset import SIX
from visavis.lab.distributed import average_buffers, average_gradients, join_processes
from visavis.lab.losses import emphasis, mean_loss, mix
from visavis.lab.models import Network, load_state, logits_of, named_state
from visavis.lab.provenance import provenance
from visavis.lab.recipe import Recipe, TrainRecipe, dump_recipe
from visavis.lab.training_data import TrainingData

__all__ = [
    "half_precision",
    "predict",
    "train",
    "use_resident_memory",
]

#: Told after each step: phase, epoch from 0, step in it, steps an epoch, running loss, seconds left.
Watcher = Callable[[str, int, int, int, float, float], None]

_EVALUATION_BATCH: Final = 128


def use_resident_memory() -> None:
    """Have glibc keep freed memory: a step's large tensors otherwise fault in fresh pages each time."""
    import ctypes

    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-4, 0)  # M_MMAP_MAX: never map a block of its own
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: never give the heap's end back
    except (OSError, AttributeError):
        pass  # another C library: slower, not wrong


def half_precision(wanted: str) -> bool:
    """Whether bfloat16 was asked for and this processor multiplies it natively."""
    return wanted == "bfloat16" and torch.ops.mkldnn._is_mkldnn_bf16_supported() is True


def _are_pictures(stored: Tensor) -> bool:
    return stored.dtype is torch.uint8


@torch.inference_mode()
def predict(
    network: Network,
    pixels: NDArray[np.uint8],
    rows: NDArray[np.int64],
    *,
    flip: bool = True,
    half: bool = True,
    choices: int = 0,
) -> NDArray[np.float32]:
    """(len(rows), A) probabilities of stored squares; with `flip` the logits are averaged with the mirror image's.

    With `choices` they are those of the first outputs alone, which sum to 1.
    """
    results = []
    for start in range(0, len(rows), _EVALUATION_BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(pixels[rows[start : start + _EVALUATION_BATCH]]))
        inputs = network.normalise(batch.float()) if _are_pictures(batch) else batch.float()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = logits_of(network.model(inputs, training=False))
            if flip:
                logits = (logits + logits_of(network.model(inputs.flip(2), training=False))) / 2
        results.append(torch.softmax(logits[:, :choices], 1) if choices else torch.sigmoid(logits).float())
    if not results:
        return np.zeros((0, choices or network.model.output_shape[-1]), np.float32)
    return np.asarray(torch.cat(results).numpy())


def train(
    recipe: Recipe,
    network: Network,
    data: TrainingData,
    *,
    folder: Path,
    watcher: Watcher | None = None,
    stop_after: int = 0,
    best_file: str = "best.pt",
) -> tuple[Epoch, ...]:
    """Train, or go on where a killed run stopped.

    Args:
        recipe: how.
        network: what; its weights change in place, and at the end are the best ones.
        data: on what.
        folder: the run folder; one that holds a checkpoint of the same recipe and data is resumed.
        watcher: told after each step.
        stop_after: leave after so many steps as a kill would, for tests of resuming; 0 never.
        best_file: what the best weights are called in the folder; another name where the network is part of a whole.

    Returns:
        The log, one entry an epoch.

    Raises:
        ConfigError: the folder holds a run of another recipe.
        InputError: a side of the split is empty.
        ModelError: training diverged, or the checkpoint is damaged.
    """
    settings, start = recipe.train, time.monotonic()
    if not len(data.train) or not len(data.val):
        raise InputError("training needs rows on both sides, train and val; choose another split or data set")
    use_resident_memory()
    rank, world = join_processes()
    model, half = network.model, half_precision(settings.precision)
    state = named_state(model)
    if settings.start_at_rates:
        _start_at_rates(network, data)
    average = {name: tensor.clone() for name, tensor in state.items()} if settings.average else {}
    phases = [("head", settings.head_epochs), ("main", settings.epochs)]
    resumed = Checkpoint.load(folder / "checkpoint.pt", recipe=recipe, data=data.fingerprint)
    log: list[Epoch] = []
    best = -math.inf
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "recipe.toml", dump_recipe(recipe))
        _write(folder / "provenance.json", json.dumps(provenance(recipe, data, half=half, world=world), indent=2))
    augmenter = Augmenter(recipe.augment, size=network.size)
    weights = _positive_weights(data) if settings.loss == "weighted" else None
    emphases = emphasis(data.attributes, settings.emphasis)
    learn = {layer.name: layer.trainable for layer in model.layers}
    taken = 0

    for number, (phase, epochs) in enumerate(phases):
        for layer in model.layers:
            layer.trainable = learn[layer.name] and not (phase == "head" and layer.name in network.trunk)
        optimizer, rates = _optimizer(model, settings, rate=settings.head_rate if phase == "head" else settings.rate)
        steps = len(data.train) // (settings.batch) or 1
        begin, slow, waited = 0, 1.0, 0
        if resumed is not None:
            if resumed.phase > number:
                continue
            load_state(model, resumed.state)
            average = resumed.average
            optimizer.load_state_dict(resumed.optimizer)
            begin, log, best, slow, waited = resumed.step, list(resumed.log), resumed.best, resumed.slow, resumed.waited
            loss_sum = resumed.loss_sum
            resumed = None
        else:
            loss_sum = 0.0
        clock, first = time.monotonic(), begin
        for step in range(begin, epochs * steps):
            epoch, place = divmod(step, steps)
            order = data.order([recipe.seed, number, epoch])
            rows = order[place * settings.batch : (place + 1) * settings.batch][rank::world]
            rate = _schedule(settings, step, epochs * steps) * slow
            for group, base in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = base * rate
            seed = (recipe.seed * 1_000_003 + number * 500_009 + step) * world + rank
            _seed_layers(model, seed)
            stored = torch.from_numpy(data.store.pixels[np.sort(rows)])
            # Features of a frozen trunk come as they are; pictures are augmented and normalised.
            shown = augmenter(stored, seed=seed) if _are_pictures(stored) else stored.float()
            own = labels = torch.from_numpy(data.labels[np.sort(rows)]).float()  # (B, A)

            if settings.mixup:
                shown, labels = mix(shown, labels, settings.mixup, seed)
            if data.tutor is not None:
                labels = data.tutor.draw(np.sort(rows), own, labels, pictures=shown, alpha=settings.mixup, seed=seed)
            inputs = network.normalise(shown) if _are_pictures(stored) else shown
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = logits_of(model(inputs, training=True))  # (B, A)
            loss = mean_loss(logits, labels, settings, weights=weights, emphases=emphases, choices=data.choices,
                             beside=recipe.emotion.beside)  # fmt: skip
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            learning = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            if world > 1:
                average_gradients(learning, world)
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(learning, settings.clip)
            optimizer.step()
            follow(average, state, step=len(log) * steps + place, decay=settings.average)

            loss_sum += float(loss.detach())
            taken += 1
            if not math.isfinite(loss_sum):
                raise ModelError(f"training diverged at epoch {epoch + 1}: the loss is {loss_sum}; lower train.rate")
            if watcher is not None and rank == 0:
                left = (time.monotonic() - clock) / (step + 1 - first) * (epochs * steps - step - 1)
                watcher(phase, epoch, place + 1, steps, loss_sum / (place + 1), left)
            if place + 1 == steps:
                if world > 1:
                    average_buffers(state, world)
                entry = _validate(recipe, network, data, average, half=half, phase=phase, epoch=epoch,
                                  rate=rates[0] * rate, train_loss=loss_sum / steps,
                                  seconds=time.monotonic() - start)  # fmt: skip
                log.append(entry)
                score = _score(entry, settings.monitor, count=len(log))
                waited = 0 if score > best else waited + 1
                if score > best:
                    best = score
                    if rank == 0:
                        save_weights(folder / best_file, dict(average or state))
                if settings.schedule == "plateau" and waited and waited % 2 == 0:
                    slow /= 2
                loss_sum = 0.0
                if rank == 0:
                    write_log(folder, log)
            asked = settings.checkpoint_steps and (step + 1) % settings.checkpoint_steps == 0
            if rank == 0 and (asked or place + 1 == steps):
                Checkpoint.save(folder / "checkpoint.pt", recipe=recipe, data=data.fingerprint, phase=number,
                                step=step + 1, state=state, average=average, optimizer=optimizer.state_dict(),
                                log=log, best=best, slow=slow, waited=waited, loss_sum=loss_sum)  # fmt: skip
            if stop_after and taken >= stop_after:
                return tuple(log)
            if place + 1 == steps and settings.patience and waited >= settings.patience:
                break
    for layer in model.layers:
        layer.trainable = learn[layer.name]
    if world > 1:
        torch.distributed.barrier()
    load_state(model, read_weights(folder / best_file))
    return tuple(log)


def _optimizer(model: Any, settings: TrainRecipe, *, rate: float) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimizer over what learns: matrices decay, biases and norms do not."""
    parameters = [variable.value for variable in model.trainable_weights]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    chosen = [group for group in groups if group["params"]]
    if not chosen:
        raise ConfigError("nothing in the network learns: every layer is frozen")
    return kind(chosen, lr=rate, eps=1e-7), [rate] * len(chosen)  # Keras's epsilon


def _schedule(settings: TrainRecipe, step: int, total: int) -> float:
    """Share of the learning rate at a step."""
    rise = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    return rise * (0.5 + 0.5 * math.cos(math.pi * step / total) if settings.schedule == "cosine" else 1.0)


def _score(entry: Epoch, monitor: str, *, count: int) -> float:
    """What the best epoch has most of."""
    if monitor == "last":
        return float(count)
    return -entry.loss if monitor == "loss" else float(getattr(entry, monitor))


def _positive_weights(data: TrainingData) -> Tensor:
    rate = np.nanmean(data.labels[data.train], 0).clip(1e-6, 1 - 1e-6)
    return torch.tensor(((1 - rate) / rate).clip(0.1, 10.0), dtype=torch.float32)


@torch.no_grad()
def _start_at_rates(network: Network, data: TrainingData) -> None:
    rate = torch.tensor(np.nanmean(data.labels[data.train], 0).clip(1e-3, 1 - 1e-3), dtype=torch.float32)
    kernel, bias = (variable.value for variable in network.model.get_layer("attributes").weights)
    kernel.zero_()
    bias.copy_(torch.logit(rate))


def _seed_layers(model: Any, seed: int) -> None:
    """Draw drop-out (Keras) and stochastic depth (torch) of this step from its number alone."""
    torch.manual_seed(seed)
    for number, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.array([seed % 2**31, number], np.int64))


def _validate(
    recipe: Recipe, network: Network, data: TrainingData, average: Mapping[str, Tensor], *, half: bool, phase: str,
    epoch: int, rate: float, train_loss: float, seconds: float,
) -> Epoch:  # fmt: skip
    """Metrics of the averaged weights on validation; the weights themselves are put back."""
    with lent_weights(network.model, average):
        scores = predict(
            network, data.exact.pixels, data.val, flip=recipe.flip_average, half=half, choices=data.choices
        )
    labels = data.labels[data.val][:, : scores.shape[1]]
    precision, recall = metrics.micro_precision_recall(labels, scores)
    six = [column for column, name in enumerate(data.attributes[: scores.shape[1]]) if name in SIX] or slice(None)
    return Epoch(phase, epoch, round(seconds, 1), rate, train_loss, metrics.cross_entropy(labels, scores),
                 metrics.mean_average_precision(labels, scores),
                 metrics.mean_average_precision(labels[:, six], scores[:, six]),
                 float(((scores > 0.5) == labels).mean()), precision, recall)  # fmt: skip


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
