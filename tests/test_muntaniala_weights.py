"""From float weights to integers, and what a bundle must carry."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import tiny_model
from vau.errors import ModelIncompatible
from vau.model import Network
from vau_backends.muntaniala.weights import SPEC, from_model, quantise

NETWORK = Network(layers=2, hidden=2, inputs=3, classes=2)


def test_only_the_first_layers_input_weights_are_stored_times_four() -> None:
    master = {
        name: np.full(shape, 3 / 32, np.float32)
        for name, shape in NETWORK.weight_shapes().items()
    }
    integers = quantise(master, NETWORK)
    assert {name for name, values in integers.items() if (values == 12).all()} == {"w_x_0"}
    assert all((values == 3).all() for name, values in integers.items() if name != "w_x_0")


def test_peepholes_are_rounded_as_weights_of_the_layers_above() -> None:
    seeing = replace(NETWORK, peephole=True)
    shapes = seeing.weight_shapes()
    assert shapes["p_1"] == (6,)
    master = {name: np.full(shape, 3 / 32, np.float32) for name, shape in shapes.items()}
    master["p_0"][:3] = [9.0, -9.0, 2.5 / 32]
    integers = quantise(master, seeing)
    assert integers["p_0"].tolist() == [127, -128, 2, 3, 3, 3]


def test_weights_are_rounded_to_even_and_clamped() -> None:
    master = {
        name: np.zeros(shape, np.float32) for name, shape in NETWORK.weight_shapes().items()
    }
    master["w_h_1"][0] = [0.5 / 32, 1.5 / 32]
    master["b_0"][:3] = [9.0, -9.0, 2.5 / 32]
    integers = quantise(master, NETWORK)
    assert integers["w_h_1"][0].tolist() == [0, 2]
    assert integers["b_0"][:3].tolist() == [127, -128, 2]


@pytest.mark.parametrize("peephole", [False, True])
def test_all_integers_have_eight_bits_and_the_networks_shapes(*, peephole: bool) -> None:
    model = tiny_model(peephole=peephole)
    shapes = {name: values.shape for name, values in model.integers[SPEC].items()}
    assert shapes == model.network.weight_shapes()
    assert {values.dtype for values in model.integers[SPEC].values()} == {np.dtype(np.int8)}


def test_a_layer_finds_its_own_arrays() -> None:
    model = tiny_model(layers=2, peephole=True)
    weights = from_model(model)
    integers = model.integers[SPEC]
    for n, layer in enumerate(weights.layers):
        assert layer.w_x is integers[f"w_x_{n}"]
        assert layer.w_h is integers[f"w_h_{n}"]
        assert layer.bias is integers[f"b_{n}"]
        assert layer.peephole is integers[f"p_{n}"]
    assert weights.w_out is integers["w_out"]
    assert weights.b_out is integers["b_out"]


def test_a_network_without_peepholes_has_none() -> None:
    assert {layer.peephole for layer in from_model(tiny_model()).layers} == {None}


def test_a_bundle_without_these_integers_is_refused_with_a_remedy() -> None:
    model = replace(tiny_model(), integers={"rpu-spec-0": {}})
    with pytest.raises(ModelIncompatible, match=r"rpu-spec-0.*munt-spec-0; export it again"):
        from_model(model)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("w_h_0", None),
        ("w_h_0", np.zeros((8, 2), np.int16)),
        ("b_1", np.zeros(7, np.int8)),
    ],
)
def test_a_weight_of_another_shape_or_type_is_refused_by_name(
    name: str, values: NDArray[np.signedinteger] | None
) -> None:
    model = tiny_model()
    integers = {key: kept for key, kept in model.integers[SPEC].items() if key != name}
    if values is not None:
        integers[name] = values
    with pytest.raises(ModelIncompatible, match=f"weight {name} is"):
        from_model(replace(model, integers={SPEC: integers}))
