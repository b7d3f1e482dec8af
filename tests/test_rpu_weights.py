"""From a bundle's float master to integers, and what is refused on the way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import tiny_model
from vau.errors import ModelIncompatible
from vau.model import Model, find_model, shipped_models
from vau_backends.rpu import weights
from vau_backends.rpu.weights import from_model

TINY = tiny_model()


def with_weights(**changed: float) -> Model:
    """Return the tiny model with every value of the named arrays replaced."""
    master = {
        name: np.full_like(values, changed[name]) if name in changed else values
        for name, values in TINY.master.items()
    }
    return replace(TINY, master=master)


@given(st.floats(2.0**-20, 32767 / 256))
def test_a_matrix_gets_the_finest_point_that_holds_it(largest: float) -> None:
    bits = weights.fraction_bits({"w": np.array([[-largest, 0.0]], np.float64)}, "w")
    assert bits is not None
    assert largest * 2**bits <= 32767
    assert bits == 15 or largest * 2 ** (bits + 1) > 32767


def test_a_matrix_of_zeros_takes_fifteen_fraction_bits() -> None:
    assert weights.fraction_bits({"w": np.zeros((2, 2), np.float32)}, "w") == 15


def test_all_four_gates_of_a_matrix_share_a_point() -> None:
    model = with_weights(w_x_0=0.25)
    model.master["w_x_0"][-1, -1] = 3.0  # of gate o alone
    assert from_model(model, 12).layers[0].f_w == 13


def test_integers_are_the_rounded_master() -> None:
    layer = from_model(TINY, 12).layers[1]
    for found, name, bits in (
        (layer.w_x, "w_x_1", layer.f_w),
        (layer.w_h, "w_h_1", layer.f_u),
        (layer.bias, "b_1", 16),
    ):
        exact = TINY.master[name].astype(np.float64) * 2**bits
        np.testing.assert_array_equal(found, np.rint(exact))
        assert np.abs(found - exact).max() <= 0.5


def test_the_features_point_is_that_of_the_lowest_layer_alone() -> None:
    found = from_model(TINY, 9)
    assert [layer.f_x for layer in found.layers] == [9, 15]


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_has_them(name: str) -> None:
    found = from_model(find_model(name), 12)
    assert all(layer.f_w >= 12 and layer.f_u >= 12 for layer in found.layers)


def test_a_weight_that_is_too_large_is_refused_by_name_and_size() -> None:
    with pytest.raises(
        ModelIncompatible, match=r"w_h_1 holds a magnitude of 129.*end at 127.9"
    ):
        from_model(with_weights(w_h_1=129.0), 12)


def test_peepholes_are_refused() -> None:
    with pytest.raises(ModelIncompatible, match="peepholes"):
        from_model(tiny_model(peephole=True), 12)


def test_a_row_whose_sum_could_outgrow_the_accumulator_is_refused() -> None:
    # With 16 fraction bits against the 30 of U h, the sums of W x are shifted by 14.
    model = with_weights(w_x_0=127.0, w_h_0=2.0**-16)
    from_model(model, 15)
    with pytest.raises(ModelIncompatible, match=r"row [0-9]+ at b_0 can reach 2\*\*47\.\d\d"):
        from_model(model, 8)


def test_the_digest_of_a_network_covers_its_points() -> None:
    ours, theirs = from_model(TINY, 12).arrays(), from_model(TINY, 13).arrays()
    assert (ours["fraction_bits"] != theirs["fraction_bits"]).any()
    assert ours.keys() == {*TINY.network.weight_shapes(), "fraction_bits"}
