"""From a run to what ships: an ONNX file and the card without which it is worth nothing."""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputError, ModelError
from visavis.files import replacing
from visavis.lab import metrics
from visavis.lab.finished import load_run, read_members
from visavis.lab.framing import face_spec
from visavis.lab.models import Network
from visavis.lab.pixels import PixelStore
from visavis.lab.recipe import Recipe, load_recipe
from visavis.lab.runs import material
from visavis.reading.card import Calibration, ModelCard, save_card

__all__ = ["PARITY", "Exported", "crop_of", "export_run", "largest_difference", "origin_of", "store_half", "to_onnx"]

#: Tensors of fewer numbers are not worth rounding.
_SMALL: Final = 4096
#: Tensors of so many numbers may take eight bits: EfficientNet-Lite0's last two convolutions, a fifth of its weights.
_LARGE: Final = 300_000
#: The ONNX file may differ from the Keras model by at most so much in any probability.
PARITY: Final = 1e-4

_ALIGNED_DATA: Final = "CelebA-HQ (Karras et al., arXiv:1710.10196), a selection of CelebA (Liu et al., ICCV 2015)"
_ALIGNED_TERMS: Final = "non-commercial research, as the training data; attributes are opinions of CelebA's annotators"
#: What else holds of networks whose trunks came with weights under terms of their own.
_TRUNK_TERMS: Final = {
    "mobilefacenet": "its trunk is InsightFace's w600k_mbf, trained on WebFace600K, for non-commercial research as well"
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        card, model: the files.
        difference: largest difference of a probability between Keras and ONNX, before anything is rounded.
        half_loss: fall of mean average precision on test by storing weights in fewer bits, or None where they are not.
        int8_loss: fall of mean average precision on test in eight bits, or None where that was not asked for.
    """

    card: Path
    model: Path
    difference: float
    half_loss: float | None
    int8_loss: float | None


def crop_of(recipe: Recipe, network: Network) -> Any:
    """The crop that a run's network wants, normalisation included."""
    from dataclasses import replace

    normalise = network.normalise
    spec = face_spec(network.size)
    if recipe.data.frame == "whole":
        # Trained on pictures framed as CelebA-HQ's: the live crop is that frame.
        from visavis.faces.crop import ALIGNED_TEMPLATE

        spec = replace(spec, template=ALIGNED_TEMPLATE)
    return replace(
        spec,
        mean=_shares(normalise.mean),
        std=_shares(normalise.std),
        colour="bgr" if normalise.colour == "BGR" else "rgb",
    )


def _shares(values: tuple[float, float, float]) -> tuple[float, float, float]:
    """Pixels of 0..255 as a `CropSpec` counts them, 0 to 1."""
    return values[0] / 255, values[1] / 255, values[2] / 255


def to_onnx(network: Network, path: Path, *, output: str = "probabilities") -> None:
    """Write a network as ONNX: `pictures` (batch, size, size, 3) float32 -> `probabilities` (batch, A).

    `output` names the result otherwise.

    Raises:
        OutputError: it cannot be written.
    """
    import torch

    class Inference(torch.nn.Module):
        """The model with `training` bound, which is what the exporter can trace."""

        def __init__(self) -> None:
            super().__init__()
            self.model = network.model

        def forward(self, pictures: torch.Tensor) -> Any:
            return self.model(pictures, training=False)

    example = torch.zeros(2, network.size, network.size, 3)
    noise = logging.getLogger("torch.onnx")
    level = noise.level
    noise.setLevel(logging.ERROR)  # it warns of torchvision's operators, which no network here has
    try:
        with warnings.catch_warnings(), replacing(path) as temporary:
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                Inference().eval(),
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["pictures"],
                output_names=[output],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
            program.save(str(temporary))
            _forget_traces(temporary)
    finally:
        noise.setLevel(level)


def _forget_traces(path: Path) -> None:
    """Take out of an ONNX file what the exporter notes for those who debug it: paths of the machine that wrote it."""
    import onnx

    model = onnx.load(str(path))
    graph = model.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, str(path))


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _onnx_scores(path: Path, network: Network, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    import torch

    session = _session(path)
    parts = []
    for start in range(0, len(pixels), 64):
        inputs = network.normalise(torch.from_numpy(np.array(pixels[start : start + 64])).float()).numpy()
        parts.append(session.run(None, {"pictures": inputs})[0])
    return np.concatenate(parts)


def largest_difference(path: Path, network: Network, pixels: NDArray[np.uint8]) -> float:
    """Largest difference of any probability between an ONNX file and its Keras model on (N, size, size, 3) uint8."""
    from visavis.lab.train import predict

    keras = predict(network, pixels, np.arange(len(pixels)), flip=False, half=False)
    return float(np.abs(_onnx_scores(path, network, pixels) - keras).max())


def store_half(path: Path, *, bytes_from: int = 0) -> None:
    """Round an ONNX file's weights to float16, which halves it; a cast beside each widens it when the file is opened.

    What is computed stays float32. Small tensors (biases, norms) are left as they are.

    Args:
        path: the file, which is replaced.
        bytes_from: tensors of at least so many numbers take eight bits each, with a scale for each of the first axis
            (a convolution's outputs), and are multiplied by it when the file is opened; 0 for none.

    Raises:
        OutputError: it cannot be written.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    widening: list[Any] = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _SMALL:
            continue
        name = tensor.name
        wide = [name]
        if bytes_from and values.size >= bytes_from:
            scale = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True).clip(1e-12) / 127
            small = np.rint(values / scale).astype(np.int8)
            graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
            wide = [f"{name}_whole"]
            widening.append(helper.make_node("Mul", [*wide, f"{name}_scale"], [name], name=f"{name}_scaled"))
        else:
            small = np.clip(values, -65504, 65504).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(small, f"{name}_small"))
        widening.append(helper.make_node("Cast", [f"{name}_small"], wide, to=TensorProto.FLOAT, name=f"{name}_widen"))
    for node in widening:
        graph.node.insert(0, node)
    with replacing(path) as temporary:
        onnx.save(model, str(temporary))


def export_run(
    run: Path,
    *,
    folder: Path,
    cache: Path,
    half: bool = False,
    compact: bool = False,
    int8: bool = False,
    name: str = "attributes",
) -> Exported:
    """Export an evaluated run.

    Args:
        run: a run folder with `metrics.json`.
        folder: where `NAME.onnx` and `NAME.json` go.
        cache: folder of decoded pictures.
        half: store the weights in float16, and measure what that loses.
        compact: as `half`, but those of the largest layers in eight bits.
        int8: also write `NAME-int8.onnx`, quantised on training pictures, and measure what it loses.
        name: what the files are called.

    Raises:
        InputError: no run there, or it has not been evaluated.
        ModelError: the ONNX file differs from the Keras model by more than `PARITY`.
    """
    recipe, network = load_run(run)
    if not (run / "metrics.json").is_file():
        raise InputError(f"{run} has not been evaluated; run first: visavis lab evaluate {run}")
    figures = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    stuff = material(recipe, cache=cache)
    rows = stuff.rows("test")
    model, card = folder / f"{name}.onnx", folder / f"{name}.json"
    to_onnx(network, model)
    difference = largest_difference(model, network, stuff.exact.pixels[rows[:64]])
    if not difference <= PARITY:
        model.unlink()
        raise ModelError(
            f"the ONNX file differs from the Keras model by {difference:.1e}, more than {PARITY:.0e} allows"
        )
    labels = stuff.dataset.columns(recipe.data.names)
    loss, half_loss = None, None
    if int8:
        loss = _quantised_loss(
            model, folder / f"{name}-int8.onnx", network, stuff.exact, rows, labels, stuff.rows("train")
        )
    if half or compact:
        exact = _onnx_scores(model, network, stuff.exact.pixels[rows])
        store_half(model, bytes_from=_LARGE if compact else 0)
        rounded = _onnx_scores(model, network, stuff.exact.pixels[rows])
        truth = labels[rows]
        half_loss = metrics.mean_average_precision(truth, exact) - metrics.mean_average_precision(truth, rounded)
    shape_file, shape_hash = "", ""
    # A shape that validation gave no share stays at home, and so does what would have to be measured for it.
    with_shape = figures.get("shape_share", 0) > 0
    if with_shape:
        shape_file = f"{name}-shape.npz"
        with replacing(folder / shape_file) as temporary:
            temporary.write_bytes((run / "shape.npz").read_bytes())
        shape_hash = hashlib.sha256((folder / shape_file).read_bytes()).hexdigest()
    backbones = _backbones_of(run)
    save_card(
        card,
        ModelCard(
            name=f"{recipe.name} ({' and '.join(backbones)}, {network.size} pixels)",
            file=model.name,
            sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
            attributes=recipe.data.names,
            crop=crop_of(recipe, network),
            calibration={key: Calibration(**row) for key, row in figures["calibration"].items()},
            flip_average=recipe.flip_average,
            shape_file=shape_file,
            shape_sha256=shape_hash,
            shape_calibration={
                key: Calibration(**row) for key, row in figures.get("shape_calibration", {}).items() if with_shape
            },
            data=f"{_ALIGNED_DATA}, {len(stuff.rows('train')):,} pictures",
            terms="; ".join([_ALIGNED_TERMS, *(_TRUNK_TERMS[name] for name in backbones if name in _TRUNK_TERMS)]),
            metrics=_card_metrics(figures),
            origin=origin_of(run),
        ),
    )
    return Exported(card, model, difference, half_loss, loss)


def _backbones_of(run: Path) -> tuple[str, ...]:
    """The backbone of a run, or those of its members, each once."""
    members = read_members(run)
    if members:
        return tuple(dict.fromkeys(name for folder in members.folders for name in _backbones_of(folder)))
    return (load_recipe(run / "recipe.toml").model.backbone,)


def _card_metrics(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that a reader of the card wants, to three places."""
    keys = ("accuracy", "majority_accuracy", "average_precision", "roc_auc", "balanced_accuracy_chosen")
    result: dict[str, Any] = {"rows": figures["test"]["rows"]}
    result["attributes"] = {
        name: {key: round(row[key], 3) for key in keys} for name, row in figures["test"]["attributes"].items()
    }
    if "six" in figures["test"]:
        six = figures["test"]["six"]
        result["six"] = {
            "mean_average_precision": round(six["mean"]["average_precision"], 4),
            "balanced_accuracy": round(six["mean"]["balanced_accuracy_chosen"], 4),
            "micro_precision": round(six["micro_precision"], 4),
            "micro_recall": round(six["micro_recall"], 4),
        }
    if "wild" in figures and "six" in figures["wild"]:
        result["wild_mean_average_precision"] = round(figures["wild"]["six"]["mean"]["average_precision"], 4)
    return result


def origin_of(run: Path) -> dict[str, Any]:
    """What a card tells of a run's provenance; that of each member by its name, where the run has some."""
    members = read_members(run)
    if members:
        told: dict[str, Any] = {"members": {folder.name: origin_of(folder) for folder in members.folders}}
        return told | ({"shares": list(members.shares)} if members.shares else {})
    path = run / "provenance.json"
    origin = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {key: origin[key] for key in ("visavis", "commit", "packages", "precision", "data", "seed") if key in origin}


def _quantised_loss(
    model: Path,
    target: Path,
    network: Network,
    store: PixelStore,
    rows: NDArray[np.int64],
    labels: NDArray[np.uint8],
    calibrating: NDArray[np.int64],
) -> float:
    """Quantise statically (weights and activations, a channel at a time) and tell what is lost on test."""
    import tempfile

    import torch
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows = iter(calibrating[:: max(len(calibrating) // 128, 1)][:128])

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            row = next(self._rows, None)
            if row is None:
                return None
            return {"pictures": network.normalise(torch.from_numpy(store.pixels[row][None].copy()).float()).numpy()}

    with tempfile.TemporaryDirectory() as work, replacing(target) as temporary:
        ready = Path(work) / "ready.onnx"
        quant_pre_process(str(model), str(ready))
        quantize_static(
            str(ready), str(temporary), Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
    squares, truth = store.pixels[rows], labels[rows]
    plain, small = _onnx_scores(model, network, squares), _onnx_scores(target, network, squares)
    return metrics.mean_average_precision(truth, plain) - metrics.mean_average_precision(truth, small)
