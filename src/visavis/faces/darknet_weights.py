"""Reading a Darknet network's numbers, a `.weights` file, with the normalisation folded into the kernels.

The file is a header (three int32: major, minor, revision; then the pictures seen in training, uint64 from version 0.2
on, before that uint32), followed by float32 numbers: for each convolution its biases, then, when it is normalised,
scales, means and variances, then its kernels.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from visavis.errors import ModelError
from visavis.faces.darknet_cfg import Kernels, Layer, Network
from visavis.files import replacing
from visavis.types import Float32

__all__ = ["read_weights", "write_random_weights"]


def read_weights(path: str | os.PathLike[str], network: Network) -> dict[int, tuple[Float32, Float32]]:
    """Read a `.weights` file with the normalisation folded into the kernels.

    Folding: `scale / sqrt(variance + 1e-6)` multiplies the kernels, and the bias loses the mean times it.

    Returns:
        By layer index: kernels (filters, channels of a group, size, size) and biases (filters,), float32.

    Raises:
        ModelError: the file cannot be read, is too short or too long for the network, or holds numbers that are not
            finite or negative variances; the message names the layer.
    """
    numbers = _open_numbers(Path(path), network)
    place = 0
    result = {}
    for layer in network.layers:
        kernels = layer.kernels
        if kernels is None:
            continue
        if place + kernels.count > numbers.size:
            raise ModelError(
                f"{path} ends in {layer}: {kernels.count:,} numbers were expected there, {numbers.size - place:,} are "
                f"left; {network.name} needs {network.parameter_count:,} in all: the file is cut off, or of another one"
            )
        block = np.asarray(numbers[place : place + kernels.count], np.float32)
        place += kernels.count
        try:
            result[layer.index] = _fold(layer, kernels, block)
        except ModelError as error:
            if numbers.size == network.parameter_count:
                raise
            raise ModelError(
                f"{error}; {path} holds {numbers.size:,} numbers, {network.name} needs {network.parameter_count:,}"
            ) from None
    if place != numbers.size:
        raise ModelError(
            f"{path} goes on for {numbers.size - place:,} numbers after the last layer; {network.name} needs "
            f"{network.parameter_count:,} in all: the weights are of another network"
        )
    return result


def _open_numbers(path: Path, network: Network) -> Float32:
    try:
        with path.open("rb") as file:
            version = np.frombuffer(file.read(12).ljust(12, b"\xff"), "<i4")
        if path.stat().st_size < 20:
            raise ModelError(
                f"{path} has {path.stat().st_size} bytes; expected Darknet weights, which begin with 16 or 20"
            )
        major, minor = int(version[0]), int(version[1])
        header = 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16
        body = path.stat().st_size - header
        if not 0 <= major < 1000 or not 0 <= minor < 1000:
            raise ModelError(f"{path} does not begin as Darknet weights do; expected those of {network.name}")
        if body < 4 or body % 4:
            raise ModelError(
                f"{path} is no whole Darknet weights file ({body:,} bytes after the header); expected "
                f"{network.parameter_count * 4:,} bytes for {network.name}"
            )
        return np.memmap(path, "<f4", "r", offset=header, shape=(body // 4,))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; expected Darknet .weights") from error


def _fold(layer: Layer, kernels: Kernels, block: Float32) -> tuple[Float32, Float32]:
    if not np.isfinite(block).all():
        raise ModelError(f"{layer} has weights that are not finite numbers; the file is damaged or of another network")
    count = kernels.filters
    biases = block[:count]
    weights = block[count * (4 if kernels.normalized else 1) :].reshape(kernels.weight_shape)
    if not kernels.normalized:
        return weights, biases
    scales, means, variances = block[count : 4 * count].reshape(3, count)
    if variances.min() < 0:
        raise ModelError(
            f"{layer} has negative variances ({variances.min():g}); expected none: the weights are of another network"
        )
    factor = scales.astype(np.float64) / np.sqrt(variances.astype(np.float64) + 1e-6)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is told below
        folded = (weights * factor[:, None, None, None]).astype(np.float32)
        shifted = (biases - means * factor).astype(np.float32)
    if not (np.isfinite(folded).all() and np.isfinite(shifted).all()):
        raise ModelError(
            f"{layer} has scales and variances that make its weights larger than 32 bits hold; expected finite ones: "
            "the file is damaged or of another network"
        )
    return folded, shifted


def write_random_weights(path: str | os.PathLike[str], network: Network, *, seed: int = 0) -> None:
    """Write a `.weights` file of the right size with random numbers, to try a network's structure and speed.

    Kernels are drawn so that the numbers inside the network neither die out nor grow beyond what exp() takes: less than
    He et al. (2015, eq. 10) give, since shortcuts add up.

    Raises:
        OutputError: the file cannot be written.
    """
    draw = np.random.default_rng(seed)
    with replacing(path) as temporary, Path(temporary).open("wb") as file:
        file.write(np.array([0, 2, 0], "<i4").tobytes() + np.zeros(1, "<u8").tobytes())
        for layer in network.layers:
            kernels = layer.kernels
            if kernels is None:
                continue
            parts: list[Float32] = [draw.normal(0, 0.1, kernels.filters).astype(np.float32)]
            if kernels.normalized:
                scales, variances = draw.uniform(0.5, [[1.5], [2.0]], (2, kernels.filters)).astype(np.float32)
                parts += [scales, draw.normal(0, 0.1, kernels.filters).astype(np.float32), variances]
            spread = np.sqrt(0.8 / np.prod(kernels.weight_shape[1:]))
            parts.append(draw.standard_normal(kernels.weight_shape, np.float32).ravel() * np.float32(spread))
            file.write(np.concatenate(parts).astype("<f4").tobytes())
