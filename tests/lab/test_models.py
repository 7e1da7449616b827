from __future__ import annotations

import hashlib
import importlib
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.errors import AssetError, ConfigError, ModelError
from visavis.types import Image

if any(find_spec(name) is None for name in ("torch", "keras")):
    pytest.skip("needs torch and Keras: pip install 'visavis[lab]'", allow_module_level=True)

import torch

from visavis.lab import models
from visavis.lab.efficientnet import EfficientNetLite0, load_weights
from visavis.lab.features import cut_network
from visavis.lab.mobilefacenet import MobileFaceNet, load_face_weights


@pytest.mark.parametrize(
    ("head", "total", "learning"), [("gap", 21_077_574, 3_412_998), ("flatten", 54_107_718, 36_443_142)]
)
def test_the_reports_network_to_the_parameter(head: str, total: int, learning: int) -> None:
    network = models.report_vgg19(256, head, weights=None)
    assert models.count_parameters(network.model) == (total, learning)
    kinds = [layer.__class__.__name__ for layer in network.model.layers[-4:]]
    assert kinds == ["GlobalAveragePooling2D" if head == "gap" else "Flatten", "Dense", "Dense", "Dense"]
    frozen = [layer.name for layer in network.model.layers if layer.weights and not layer.trainable]
    assert frozen[-1] == "block5_conv3"


def test_the_reports_pre_processing_is_keras_own() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    network = models.report_vgg19(32, weights=None)
    expected = models.keras.applications.vgg19.preprocess_input(picture.copy())
    assert np.abs(network.normalise(torch.from_numpy(picture)).numpy() - expected).max() < 1e-4


def test_any_keras_application_by_name() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    network = models.keras_application("MobileNet", 32, weights=None)
    assert network.model(torch.zeros(2, 32, 32, 3)).shape == (2, 6)
    expected = models.keras.applications.mobilenet.preprocess_input(picture.copy())
    assert np.abs(network.normalise(torch.from_numpy(picture)).numpy() - expected).max() < 1e-4


def test_wrong_names_and_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no 'VGG20'"):
        models.keras_application("VGG20", weights=None)
    with pytest.raises(ConfigError, match="unknown head"):
        models.report_vgg19(32, "pool", weights=None)
    with pytest.raises(AssetError, match="do not exist"):
        models.report_vgg19(32, weights=tmp_path / "w.weights.h5")
    (tmp_path / "w.weights.h5").write_bytes(b"no weights")
    with pytest.raises(AssetError, match="was expected"):
        models.report_vgg19(32, weights=tmp_path / "w.weights.h5", sha256="0" * 64)
    with pytest.raises(ModelError, match="does not hold"):
        load_weights(EfficientNetLite0(), tmp_path / "w.weights.h5")


def test_lite0_takes_the_published_weights_and_uses_them_rightly(assets: AssetStore, astronaut: Image) -> None:
    """ImageNet's classes under the weights' own classifier: a wrong padding, norm or order of blocks scatters them."""
    from visavis.images import resize

    trunk = EfficientNetLite0().eval()
    weight, bias = load_weights(trunk, assets.path("efficientnet-lite0"))
    assert sum(p.numel() for p in trunk.parameters()) == 3_371_008
    # The lower left of the photo is an orange suit with a model of the shuttle and a flag behind.
    shuttle = resize(np.ascontiguousarray(astronaut[0:300, 280:512]), width=224, height=224)
    normalise = models.efficientnet_lite0(224).normalise
    with torch.inference_mode():
        features = trunk(normalise(torch.from_numpy(shuttle[None].copy()).float()).permute(0, 3, 1, 2))
        top = (features @ weight.T + bias)[0].topk(5).indices.tolist()
    assert 812 in top  # "space shuttle"


def test_state_round_trip_and_a_stranger_is_refused() -> None:
    first, second = models.efficientnet_lite0(32, attributes=3), models.efficientnet_lite0(32, attributes=3)
    models.load_state(second.model, {k: v.clone() for k, v in models.named_state(first.model).items()})
    pictures = torch.rand(2, 32, 32, 3)
    with torch.inference_mode():
        same = first.model(pictures, training=False) == second.model(pictures, training=False)
    assert bool(same.all())
    assert any("running_mean" in name for name in models.named_state(first.model))
    with pytest.raises(ModelError, match="another network"):
        models.load_state(models.efficientnet_lite0(32, attributes=4).model, models.named_state(first.model))


def test_a_border_is_not_looked_at(assets: AssetStore) -> None:
    network = models.efficientnet_lite0(64, attributes=3, border=16, weights=assets.path("efficientnet-lite0"))
    pictures = torch.rand(2, 64, 64, 3)
    other = pictures.clone()
    other[:, :16] = 0
    other[:, :, 48:] = 1
    middle = models.efficientnet_lite0(32, attributes=3)
    models.load_state(middle.model, {k: v.clone() for k, v in models.named_state(network.model).items()})
    with torch.inference_mode():
        whole, changed = network.model(pictures, training=False), network.model(other, training=False)
        alone = middle.model(pictures[:, 16:48, 16:48], training=False)
        other[:, 20:30, 20:30] = 0
        seen = network.model(other, training=False)
    assert torch.equal(whole, changed)
    assert float((whole - alone).abs().max()) < 1e-6
    assert not torch.equal(whole, seen)
    maps = models.efficientnet_lite0(64, attributes=3, border=16, head="flatten")
    assert maps.model.get_layer("efficientnet_lite0").output.shape[1:3] == (1, 1)
    with pytest.raises(ConfigError, match="leaves too little"):
        models.efficientnet_lite0(64, border=20)


def test_fast_gradients_are_the_plain_ones() -> None:
    from visavis.lab.efficientnet import _SameConv

    torch.manual_seed(0)
    for kernel, stride in ((3, 1), (3, 2), (5, 1), (5, 2)):
        conv = _SameConv(8, 8, kernel, stride=stride, groups=8, bias=False)
        pictures = torch.rand(2, 8, 16, 16)
        grads = []
        for half in (False, True):
            inputs = pictures.clone().to(torch.bfloat16 if half else torch.float32).requires_grad_()
            conv.weight.grad = None
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                conv(inputs).float().square().sum().backward()
            assert inputs.grad is not None
            assert conv.weight.grad is not None
            grads.append((inputs.grad.float(), conv.weight.grad))
        for plain, fast in zip(*grads, strict=True):
            assert float((plain - fast).abs().max() / plain.abs().max()) < 0.03


def test_same_padding_is_tensorflows() -> None:
    from visavis.lab.efficientnet import _SameConv

    for size, kernel, stride in ((8, 3, 2), (9, 3, 2), (8, 5, 2), (8, 3, 1)):
        ours = _SameConv(3, 4, kernel, stride=stride, bias=False)
        layer = models.keras.layers.Conv2D(4, kernel, strides=stride, padding="same", use_bias=False)
        pictures = torch.rand(1, size, size, 3)
        layer(pictures)
        layer.kernel.assign(ours.weight.detach().permute(2, 3, 1, 0).numpy())
        with torch.inference_mode():
            expected = layer(pictures).permute(0, 3, 1, 2)
            assert float((ours(pictures.permute(0, 3, 1, 2)) - expected).abs().max()) < 1e-5


def test_weights_that_cannot_be_fetched_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras's downloader raises a plain Exception with the address and the reason; what to do must be said."""

    def refuse(*_: object, **__: object) -> str:
        raise Exception("URL fetch failure on https://weights.example/vgg19.h5: None -- Temporary failure")

    trunk = importlib.import_module("keras.src.applications.vgg19")
    monkeypatch.setattr(trunk.file_utils, "get_file", refuse)
    with pytest.raises(AssetError, match=r"weights of VGG19 cannot be had .*URL fetch failure.*give the path") as told:
        models.report_vgg19(32)
    assert "\n" not in str(told.value)


def test_fetched_weights_are_those_without_the_top_and_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What Keras would fetch is asked for by its own name and checksum, and fills the trunk."""
    legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")
    trunk = importlib.import_module("keras.src.applications.vgg19")
    h5py = importlib.import_module("h5py")
    asked = []

    def fetch(name: str, origin: str, **options: object) -> str:
        asked.append((name, options.get("file_hash")))
        return str(tmp_path / name)

    monkeypatch.setattr(trunk.file_utils, "get_file", fetch)
    source = models.report_vgg19(32, weights=None)
    name = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    layers = [layer for layer in source.model.layers if layer.name.startswith("block") or layer.name == "input_layer"]
    plain = models.keras.Model(source.model.input, layers[-1].output)
    with h5py.File(tmp_path / name, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras's own, of how it asks torch for an array
        legacy.save_weights_to_hdf5_group(file, plain)
    network = models.report_vgg19(32)
    assert [entry[0] for entry in asked] == [name]
    assert asked[0][1]  # Keras checks what it fetched
    digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    local = models.report_vgg19(32, weights=tmp_path / name, sha256=digest.upper())
    for filled in (network, local):
        for layer in ("block1_conv1", "block5_conv4"):
            first, second = (one.model.get_layer(layer).kernel.value for one in (source, filled))
            assert torch.equal(first, second)
    with pytest.raises(AssetError, match="was expected"):
        models.report_vgg19(32, weights=tmp_path / name, sha256="0" * 64)


def test_flatten_and_a_frozen_trunk_of_lite0() -> None:
    network = models.efficientnet_lite0(64, attributes=3, head="flatten", hidden=(8,), frozen=True)
    total, learning = models.count_parameters(network.model)
    assert learning == (2 * 2 * 1280 + 1) * 8 + (8 + 1) * 3
    assert total == 3_371_008 + learning
    pooled = models.efficientnet_lite0(64, attributes=3, head="gap", frozen=False)
    assert models.count_parameters(pooled.model)[1] > 3_000_000
    pictures = torch.rand(2, 64, 64, 3)
    with torch.inference_mode():
        assert network.model(pictures, training=False).shape == (2, 3)
    before = {name: tensor.clone() for name, tensor in models.named_state(network.model).items()}
    network.model(pictures, training=True)  # a frozen trunk moves no running average either
    assert all(torch.equal(before[name], tensor) for name, tensor in models.named_state(network.model).items())
    with pytest.raises(ConfigError, match="unknown head"):
        models.efficientnet_lite0(64, head="pool")


@pytest.mark.filterwarnings("ignore")  # torch warns of itself as it exports
def test_a_published_recogniser_is_taken_layer_by_layer(tmp_path: Path) -> None:
    torch.manual_seed(3)
    theirs, path, face = MobileFaceNet(), tmp_path / "face.onnx", torch.rand(1, 3, 112, 112)
    torch.onnx.export(theirs, (face,), path, dynamo=True, verbose=False)
    ours = MobileFaceNet().eval()
    with torch.inference_mode():
        expected = theirs(face)  # as it learns, with PReLU; ours computes the same otherwise
        assert float((ours(face) - expected).abs().max()) > 1e-3
        load_face_weights(ours, path)
        assert float((ours(face) - expected).abs().max()) < 1e-5
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ModelError, match="no ONNX file"):
        load_face_weights(ours, tmp_path / "text.onnx")
    torch.onnx.export(torch.nn.Conv2d(3, 4, 3).eval(), (face,), tmp_path / "small.onnx", dynamo=True, verbose=False)
    with pytest.raises(ModelError, match="another network"):
        load_face_weights(ours, tmp_path / "small.onnx")


def test_the_published_recogniser_tells_people_apart(assets: AssetStore, astronaut: Image) -> None:
    """The very numbers of ONNX Runtime, on the layer that is read."""
    import onnx
    import onnxruntime

    found = assets.find("face-recognition")
    if found is None:
        pytest.skip("the asset face-recognition is not here")
    graph = onnx.load(found)
    last = [node for node in graph.graph.node if node.op_type == "PRelu"][32].output[0]
    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(last))
    face = np.ascontiguousarray(astronaut[60:172, 170:282].transpose(2, 0, 1)[None], np.float32) / 127.5 - 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    maps = torch.from_numpy(session.run([last], {session.get_inputs()[0].name: face})[0])
    network = models.mobilefacenet(weights=found)
    with torch.inference_mode():
        told = network.model.get_layer("mobilefacenet").module(torch.from_numpy(face))
    expected = torch.nn.functional.avg_pool2d(maps, 3, 2).flatten(1)
    assert float((told - expected).abs().max()) < 1e-3


def test_a_recogniser_sees_as_many_pixels_as_it_is_told(tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole, small = MobileFaceNet().eval(), MobileFaceNet(side=80).eval()
    small.load_state_dict(whole.state_dict())
    pictures = torch.rand(2, 3, 120, 120)
    seen = torch.nn.functional.interpolate(pictures, size=(80, 80), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        assert torch.equal(small(pictures), whole(seen))
        assert whole.maps(seen).shape == (2, 512, 5, 5)
        assert MobileFaceNet(side=48).eval()(pictures).shape == small(pictures).shape
    cuts = [cut_network(models.mobilefacenet(160, border=20, seen=seen)) for seen in (64, 80)]
    assert cuts[0].weights != cuts[1].weights  # kept features of one are not taken for the other's
    with pytest.raises(ConfigError, match="at least 48 pixels, not 40"):
        models.mobilefacenet(80, border=20)
    with pytest.raises(ConfigError, match="at least 48 pixels, not 30"):
        models.build("mobilefacenet", resolution=160, border=20, seen=30, attributes=3)
