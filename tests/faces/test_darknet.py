"""Darknet's files: every layer kind against plain arithmetic, whole networks, and files that are bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.errors import ModelError, OutputError
from visavis.faces import create_detector
from visavis.faces.boxes import iou
from visavis.faces.darknet import convert_darknet, darknet_to_onnx
from visavis.faces.darknet_cfg import Layer, Network, read_cfg
from visavis.faces.darknet_weights import read_weights, write_random_weights
from visavis.faces.session import open_session
from visavis.faces.yolov3 import YoloHead, decode_yolo, letterbox, yolo_boxes
from visavis.types import Float32, Image

# Every kind of layer and every activation once, on 16 x 12 pixels.
EVERY_LAYER = """
[net]
width=16
height=12
channels=3
learning_rate=0.001
# 0
[convolutional]
filters=8
size=3
stride=1
pad=1
batch_normalize=1
activation=leaky
# 1: depthwise, stride 2
[convolutional]
filters=8
size=3
groups=8
stride=2
pad=1
batch_normalize=1
activation=relu
# 2: squeeze and excitation
[avgpool]
# 3
[convolutional]
filters=8
size=1
activation=logistic
# 4
[scale_channels]
from=-3
activation=linear
# 5
[convolutional]
filters=8
size=1
batch_normalize=1
activation=swish
# 6
[shortcut]
from=-2
activation=relu6
# 7
[maxpool]
size=3
stride=1
# 8
[route]
layers=-1
groups=2
group_id=1
# 9
[dropout]
probability=.5
# 10: attention, one factor a value
[convolutional]
filters=4
size=1
activation=logistic
# 11
[sam]
from=-2
# 12
[upsample]
stride=2
# 13
[route]
layers=-1,0
# 14
[maxpool]
size=2
stride=2
# 15: dilated
[convolutional]
filters=6
size=3
dilation=2
padding=2
stride=1
activation=mish
# 16
[convolutional]
filters=12
size=1
activation=linear
# 17
[yolo]
mask=1,2
anchors=4,6, 8,10, 12,14
classes=1
"""


def write_cfg(folder: Path, text: str = EVERY_LAYER) -> Path:
    path = folder / "net.cfg"
    path.write_text(text, encoding="utf-8")
    return path


def small_network(folder: Path) -> tuple[Network, Path]:
    network = read_cfg(write_cfg(folder))
    weights = folder / "net.weights"
    write_random_weights(weights, network, seed=4)
    return network, weights


def activated(values: Float32, kind: str) -> Float32:
    sigmoid = 1 / (1 + np.exp(-values))
    result = {
        "linear": values,
        "leaky": np.where(values > 0, values, 0.1 * values),
        "relu": np.maximum(values, 0),
        "relu6": np.clip(values, 0, 6),
        "logistic": sigmoid,
        "swish": values * sigmoid,
        "mish": values * np.tanh(np.log1p(np.exp(values))),
    }[kind]
    return np.asarray(result, np.float32)


def convolved(values: Float32, layer: Layer, raw: Float32) -> Float32:
    """Darknet's own order of things: convolve, normalise, add the bias."""
    kernels = layer.kernels
    assert kernels is not None
    count, pad, step = kernels.filters, kernels.padding, kernels.dilation
    biases = raw[:count]
    weights = raw[count * (4 if kernels.normalized else 1) :].reshape(kernels.weight_shape)
    padded = np.pad(values, ((0, 0), (pad, pad), (pad, pad)))
    out = np.zeros(layer.shape)
    per_group = count // kernels.groups
    for number in range(count):
        first = number // per_group * weights.shape[1]
        for y in range(layer.shape[1]):
            for x in range(layer.shape[2]):
                top, left = y * kernels.stride, x * kernels.stride
                reach = step * (kernels.size - 1) + 1
                window = padded[first : first + weights.shape[1], top : top + reach : step, left : left + reach : step]
                out[number, y, x] = (window * weights[number]).sum()
    if kernels.normalized:
        scales, means, variances = raw[count : 4 * count].reshape(3, count, 1, 1)
        out = (out - means) / np.sqrt(variances + 1e-6) * scales
    return activated((out + biases[:, None, None]).astype(np.float32), layer.activation)


def pooled(values: Float32, layer: Layer) -> Float32:
    size, stride = layer.number("size", 1), layer.number("stride", 1)
    offset = (size - 1) // 2
    out = np.full(layer.shape, -np.inf)
    for y in range(layer.shape[1]):
        for x in range(layer.shape[2]):
            top, left = y * stride - offset, x * stride - offset
            window = values[:, max(top, 0) : top + size, max(left, 0) : left + size]
            out[:, y, x] = window.max(axis=(1, 2))
    return out.astype(np.float32)


def run_plainly(network: Network, weights: Path, picture: Float32) -> Float32:
    numbers = np.fromfile(weights, "<f4", offset=20)
    outputs: list[Float32] = []
    place = 0
    for layer in network.layers:
        inputs = [picture if source < 0 else outputs[source] for source in layer.inputs]
        first = inputs[0]
        if layer.kernels:
            result = convolved(first, layer, numbers[place : place + layer.kernels.count])
            place += layer.kernels.count
        elif layer.kind == "avgpool":
            result = first.mean(axis=(1, 2), keepdims=True)
        elif layer.kind in ("scale_channels", "sam"):
            result = activated(first * inputs[1], layer.activation)
        elif layer.kind == "shortcut":
            result = activated(first + inputs[1], layer.activation)
        elif layer.kind == "maxpool":
            result = pooled(first, layer)
        elif layer.kind == "route":
            groups, group = layer.number("groups", 1), layer.number("group_id", 0)
            result = np.concatenate([np.split(each, groups)[group] for each in inputs])
        elif layer.kind == "upsample":
            result = first.repeat(2, axis=1).repeat(2, axis=2)
        else:
            result = first
        assert result.shape == layer.shape, str(layer)
        outputs.append(np.asarray(result, np.float32))
    return outputs[-1]


def test_every_layer_computes_what_darknet_computes(tmp_path: Path) -> None:
    network, weights = small_network(tmp_path)
    picture = np.random.default_rng(0).uniform(0, 1, (3, 12, 16)).astype(np.float32)
    session = open_session(darknet_to_onnx(network, read_weights(weights, network)), name="test")
    (ours,) = session.run(None, {"picture": picture[None]})
    expected = run_plainly(network, weights, picture)
    assert expected.std() > 0.01
    np.testing.assert_allclose(ours[0], expected, atol=2e-5)


def test_the_converted_file_stands_alone(tmp_path: Path, astronaut: Image) -> None:
    network, weights = small_network(tmp_path)
    out = tmp_path / "net.onnx"
    assert convert_darknet(tmp_path / "net.cfg", weights, out) == network
    from_onnx = create_detector("yolov3", assets=AssetStore(), min_score=0.2, model=out)
    from_darknet = create_detector("yolov3", assets=AssetStore(), min_score=0.2, model=tmp_path / "net.cfg")
    first, second = from_onnx.detect(astronaut), from_darknet.detect(astronaut)
    assert first
    assert [(face.box.tolist(), face.score) for face in first] == [(f.box.tolist(), f.score) for f in second]


def test_old_weights_have_a_shorter_header(tmp_path: Path) -> None:
    network, weights = small_network(tmp_path)
    body = weights.read_bytes()[20:]
    old = tmp_path / "old.weights"
    old.write_bytes(np.array([0, 1, 0, 77], "<i4").tobytes() + body)
    new, again = read_weights(weights, network), read_weights(old, network)
    assert all(np.array_equal(new[index][0], again[index][0]) for index in new)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[sam]", "[lstm]", r"layer 11 \(\[lstm\].*unknown kind"),
        ("activation=swish", "activation=selu", r"layer 5 .*selu.*expected one of"),
        ("from=-2\nactivation=relu6", "from=-6\nactivation=relu6", r"layer 6 .*\(8, 12, 16\) to \(8, 6, 8\)"),
        ("layers=-1,0", "layers=-1,40", r"layer 13 .*points to layer 40"),
        ("layers=-1,0", "layers=-1,4", r"layer 13 .*one size"),
        ("classes=1", "classes=3", r"layer 17 .*12 input channels; expected 16"),
        ("mask=1,2", "mask=1,5", r"layer 17 .*mask"),
        ("groups=8", "groups=3", r"layer 1 .*3 groups"),
        ("filters=8\nsize=3\nstride=1", "filters=eight\nsize=3\nstride=1", r"layer 0 .*filters=eight"),
        ("[maxpool]\nsize=2", "[maxpool]\nmaxpool_depth=1\nsize=2", r"layer 14 .*maxpool_depth"),
        ("width=16", "width=0", "positive"),
        ("[net]", "[convolutional]", r"expected \[net\]"),
        ("stride=2\npad=1", "stride 2\npad=1", "line"),
    ],
)
def test_a_bad_description_names_the_layer(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in EVERY_LAYER
    with pytest.raises(ModelError, match=told):
        read_cfg(write_cfg(tmp_path, EVERY_LAYER.replace(before, after, 1)))


def test_a_network_without_an_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no \[yolo\]"):
        read_cfg(write_cfg(tmp_path, EVERY_LAYER[: EVERY_LAYER.index("# 17")]))


def test_bad_weights_name_the_layer(tmp_path: Path) -> None:
    network, weights = small_network(tmp_path)
    whole = weights.read_bytes()
    layers = [layer for layer in network.layers if layer.kernels]

    weights.write_bytes(whole[:-8])
    with pytest.raises(ModelError, match=r"ends in layer 16 .*numbers were expected there"):
        read_weights(weights, network)
    weights.write_bytes(whole[:300])
    with pytest.raises(ModelError, match=r"ends in layer 0 "):
        read_weights(weights, network)
    weights.write_bytes(whole + bytes(400))
    with pytest.raises(ModelError, match="goes on for 100 numbers"):
        read_weights(weights, network)
    weights.write_bytes(whole[:-3])
    with pytest.raises(ModelError, match="no whole Darknet weights"):
        read_weights(weights, network)
    weights.write_bytes(whole[:7])
    with pytest.raises(ModelError, match="7 bytes"):
        read_weights(weights, network)
    assert layers[0].kernels is not None
    broken = bytearray(whole)
    broken[20 + 4 * layers[0].kernels.count : 24 + 4 * layers[0].kernels.count] = np.float32(np.nan).tobytes()
    weights.write_bytes(broken)
    with pytest.raises(ModelError, match=r"layer 1 .*not finite"):
        read_weights(weights, network)
    weights.write_bytes(b"[net]\nwidth=16\nheight=12\n" * 99)
    with pytest.raises(ModelError, match=r"does not begin as Darknet weights do; expected those of net\.cfg"):
        read_weights(weights, network)
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(tmp_path / "none.weights", network)


def test_numbers_that_cannot_be_folded_name_the_layer(tmp_path: Path) -> None:
    network, weights = small_network(tmp_path)
    numbers = np.fromfile(weights, "<f4", offset=20)
    header, kernels = weights.read_bytes()[:20], network.layers[0].kernels
    assert kernels is not None
    scales, variances = kernels.filters, 3 * kernels.filters
    for place, value, told in (
        (variances, -1.0, "layer 0 .*negative variances"),
        (scales, 3e38, "layer 0 .*larger than 32 bits hold"),
    ):
        broken = numbers.copy()
        broken[place] = value
        if place == scales:
            broken[variances] = 0.0
        weights.write_bytes(header + broken.tobytes())
        with pytest.raises(ModelError, match=told):
            read_weights(weights, network)
    # Of another network: the layer at which that shows, and both sizes.
    weights.write_bytes(header + broken.tobytes() + bytes(40))
    with pytest.raises(ModelError, match=rf"layer 0 .*holds {numbers.size + 10:,} .*net\.cfg needs {numbers.size:,}"):
        read_weights(weights, network)


def test_a_network_that_runs_away_names_the_layer(tmp_path: Path, astronaut: Image) -> None:
    """Every weight is a number, but their products are not."""
    network, weights = small_network(tmp_path)
    numbers = np.fromfile(weights, "<f4", offset=20)
    last = network.layers[16].kernels
    assert last is not None
    numbers[-last.count :] = 3e38
    weights.write_bytes(weights.read_bytes()[:20] + numbers.tobytes())
    with pytest.raises(ModelError, match=r"layer 17 \(\[yolo\], line \d+\) gave numbers that are not finite; expected"):
        create_detector("yolov3", assets=AssetStore(), model=weights).detect(astronaut)


def test_files_are_known_by_their_endings(tmp_path: Path, astronaut: Image) -> None:
    _, weights = small_network(tmp_path)
    with pytest.raises(OutputError, match=r"does not end in \.onnx"):
        convert_darknet(tmp_path / "net.cfg", weights, tmp_path / "net.bin")
    assert not (tmp_path / "net.bin").exists()
    with pytest.raises(ModelError, match=r"expected a \.cfg, a \.weights or an \.onnx"):
        create_detector("yolov3", assets=AssetStore(), model=Path(__file__)).detect(astronaut)


def test_outputs_that_are_not_finite_name_the_layer() -> None:
    head = YoloHead("yolo_3", "layer 3 ([yolo], line 9)", np.array([[4, 6]], np.float32), 1)
    values = np.zeros((6, 2, 2), np.float32)
    values[4, 0, 0] = np.nan
    with pytest.raises(ModelError, match=r"layer 3 .*not finite; expected"):
        decode_yolo([values], (head,), width=64, height=64, min_score=0.5)
    with pytest.raises(ModelError, match=r"layer 3 .*expected 6 channels"):
        decode_yolo([values[:5]], (head,), width=64, height=64, min_score=0.5)


def test_decoding_follows_the_paper() -> None:
    head = YoloHead("yolo_3", "layer 3", np.array([[4, 6], [10, 20]], np.float32), 2, scale_x_y=1.2)
    values = np.full((2, 7, 3, 5), -20, np.float32)
    values[1, :, 2, 4] = (0.5, -0.3, 0.2, -0.1, 3.0, -1.0, 2.0)
    boxes, scores = decode_yolo([values.reshape(14, 3, 5)], (head,), width=160, height=96, min_score=0.3)
    sigmoid = 1 / (1 + np.exp(-np.array([0.5, -0.3, 3.0, 2.0])))
    center = ((4 + 1.2 * sigmoid[0] - 0.1) * 32, (2 + 1.2 * sigmoid[1] - 0.1) * 32)
    half = (5 * np.exp(0.2), 10 * np.exp(-0.1))
    expected = [center[0] - half[0], center[1] - half[1], center[0] + half[0], center[1] + half[1]]
    np.testing.assert_allclose(boxes, [expected], rtol=1e-5)
    np.testing.assert_allclose(scores, [sigmoid[2] * sigmoid[3]], rtol=1e-5)


def test_a_picture_full_of_candidates_is_bounded_to_the_best() -> None:
    """Every cell of every head passes: as many boxes as a picture of 416 x 416 can give."""
    draw = np.random.default_rng(7)
    heads = tuple(
        YoloHead(f"yolo_{n}", f"layer {n}", np.array([[8, 10], [16, 20], [30, 40]], np.float32) * 2**n, 1)
        for n in range(3)
    )
    maps = [draw.normal(0, 0.5, (3, 6, side, side)).astype(np.float32) for side in (52, 26, 13)]
    for values in maps:
        values[:, 4:] = draw.uniform(2, 6, values[:, 4:].shape)
    maps = [values.reshape(18, *values.shape[2:]) for values in maps]
    every, scores = decode_yolo(maps, heads, width=416, height=416, min_score=0.5)
    assert len(every) == 10_647
    best, best_scores = decode_yolo(maps, heads, width=416, height=416, min_score=0.5, most=1000)
    chosen = np.sort(np.argsort(-scores, kind="stable")[:1000])
    assert np.array_equal(best, every[chosen])
    assert np.array_equal(best_scores, scores[chosen])
    boxes, kept_scores = yolo_boxes(maps, heads, width=416, height=416, min_score=0.5)
    assert 100 < len(boxes) <= 300
    assert (np.diff(kept_scores) <= 0).all()
    overlaps = iou(boxes, boxes)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max() <= 0.45


def test_the_letterbox_keeps_proportions() -> None:
    boxed = letterbox(np.full((50, 200, 3), 9, np.uint8), width=100, height=80)
    assert boxed.fitted.shape == (25, 100, 3)
    assert (boxed.left, boxed.top) == (0, 27)
    assert (boxed.pixels[27:52] == 9).all()
    assert (boxed.pixels[:27] == 127).all()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["yoloface-500k", "yoloface-500k-v2"])
def test_the_small_face_nets_find_the_face(shared: Path, assets: AssetStore, astronaut: Image, name: str) -> None:
    model = shared / "models" / "yoloface-500k" / f"{name}.weights"
    (found,) = create_detector("yolov3", assets=assets, model=model).detect(astronaut)
    truth = np.array([[175, 62, 276, 174]], np.float32)
    assert iou(found.box[None], truth)[0, 0] > 0.7


@pytest.mark.shared
def test_the_report_s_network_is_read_whole(shared: Path) -> None:
    network = read_cfg(shared / "models" / "yolov3-face" / "yolov3-face.cfg")
    assert network.parameter_count == 61_576_342
    assert 20 + 4 * network.parameter_count == 246_305_388  # bytes of yolov3-wider_16000.weights
    assert [head.shape for head in network.heads] == [(18, 13, 13), (18, 26, 26), (18, 52, 52)]
    assert len(network.layers) == 107
    wider = read_cfg(shared / "models" / "yolov3-face" / "yolov3-face.cfg", width=608, height=320)
    assert wider.heads[-1].shape == (18, 40, 76)
