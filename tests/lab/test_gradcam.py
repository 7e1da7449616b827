"""Where a network looks, on networks whose answer depends on one corner alone."""

# torch and Keras are not typed here, so their classes are Any.
# mypy: disable-error-code="misc"

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from visavis.errors import ModelError

if any(find_spec(name) is None for name in ("torch", "keras")):
    pytest.skip("needs torch and Keras: pip install 'visavis[lab]'", allow_module_level=True)

import torch
from torch import Tensor, nn

from visavis.lab.finished import mean_of
from visavis.lab.gradcam import heat_maps
from visavis.lab.models import Network, Normalisation, TorchTrunk, efficientnet_lite0, keras, report_vgg19
from visavis.types import Float32

_PLAIN = Normalisation((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))


class _Brightness(nn.Module):
    """Red and green, each as one map at an eighth of the size."""

    def maps(self, x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(x[:, :2], 8)

    def pool(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.maps(x))


def _network(*, maps: bool) -> Network:
    inputs = keras.Input((32, 32, 3))
    features = TorchTrunk(_Brightness(), features=2, name="trunk", maps=8 if maps else 0)(inputs)
    if maps:
        features = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    outputs = keras.layers.Dense(2, activation="sigmoid", name="attributes")(features)
    model = keras.Model(inputs, outputs)
    model.get_layer("attributes").set_weights([np.eye(2) * 5.0, np.zeros(2)])
    return Network(model, 32, _PLAIN, ("trunk",))


def _corner(heat: Float32) -> tuple[float, float]:
    """Mean heat of the upper left quarter, and of the rest."""
    inside = np.zeros((32, 32), np.bool_)
    inside[:16, :16] = True
    return float(heat[inside].mean()), float(heat[~inside].mean())


@pytest.mark.parametrize("form", ["pooled", "maps", "members"])
def test_it_looks_where_the_attribute_is(form: str) -> None:
    network = (
        mean_of([_network(maps=False), _network(maps=True)]) if form == "members" else _network(maps=form == "maps")
    )
    pictures = np.zeros((2, 32, 32, 3), np.uint8)
    pictures[0, :16, :16, 0] = 255  # red in the upper left
    pictures[1, 16:, 16:, 1] = 255  # green in the lower right
    red, green = heat_maps(network, pictures, 0), heat_maps(network, pictures, 1)
    assert red.shape == (2, 32, 32)
    assert _corner(red[0])[0] > 0.8
    assert _corner(red[0])[1] < 0.1
    assert red[1].max() == 0  # there is no red in it
    assert _corner(green[1])[0] < 0.1
    assert green[1].max() == pytest.approx(1.0)


@pytest.mark.parametrize("network", [efficientnet_lite0(32, attributes=3), report_vgg19(32, weights=None)])
def test_the_labs_own_networks_have_maps_to_look_at(network: Network) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    heat = heat_maps(network, pictures, 1)
    assert heat.shape == (2, 32, 32)
    assert 0 <= float(heat.min()) <= float(heat.max()) <= 1


def test_a_border_that_is_not_looked_at_speaks_for_nothing() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    heat = heat_maps(efficientnet_lite0(64, attributes=3, border=16), pictures, 1)
    assert heat.shape == (2, 64, 64)
    assert heat[:, :16].max() == heat[:, :, 48:].max() == 0


def test_a_network_without_maps_is_told() -> None:
    inputs = keras.Input((32, 32, 3))
    outputs = keras.layers.Dense(2, activation="sigmoid", name="attributes")(keras.layers.Flatten()(inputs))
    with pytest.raises(ModelError, match="no feature maps"):
        heat_maps(Network(keras.Model(inputs, outputs), 32, _PLAIN, ()), np.zeros((1, 32, 32, 3), np.uint8), 0)
