from __future__ import annotations

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
