"""In which form the chip is asked to carry a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.errors import BackendNotFound
from vau.model import Network
from vau_backends.rpu.form import (
    Form,
    ceil_div,
    chips_for_residency,
    layer_inputs,
    weight_bytes,
)

SMALL = Network(layers=1, hidden=64, inputs=123, classes=40)
LARGE = Network(layers=3, hidden=384, inputs=123, classes=40)

any_form = st.builds(
    Form,
    residency=st.sampled_from(["resident", "streamed"]),
    schedule=st.sampled_from(["hybrid", "serial"]),
    input_fraction_bits=st.integers(8, 15),
)


@given(any_form)
def test_what_a_form_is_called_says_all_of_it(form: Form) -> None:
    assert Form.parse(str(form), SMALL) == Form.parse(str(form), LARGE) == form


@pytest.mark.parametrize(
    ("instance", "canonical"),
    [
        ("streamed", "streamed"),
        ("resident+schedule=hybrid+fx=12", "resident"),
        ("streamed+fx=8+schedule=serial", "streamed+schedule=serial+fx=8"),
    ],
)
def test_only_what_is_unusual_is_in_its_name(instance: str, canonical: str) -> None:
    assert str(Form.parse(instance, LARGE)) == canonical


def test_unasked_weights_are_resident_if_they_fit_one_chip_and_streamed_if_not() -> None:
    assert Form.parse("", SMALL).residency == "resident"
    assert Form.parse("+fx=9", LARGE) == Form(residency="streamed", input_fraction_bits=9)


def test_one_chip_holds_as_many_weights_as_fill_it_and_not_one_column_more() -> None:
    full = Network(layers=1, hidden=128, inputs=128, classes=40)
    assert weight_bytes(full) == 256 * 1024
    assert chips_for_residency(full) == 1
    assert chips_for_residency(Network(layers=1, hidden=128, inputs=129, classes=40)) == 2


def test_the_reference_network_needs_24_chips_to_be_resident() -> None:
    assert list(layer_inputs(LARGE)) == [123, 384, 384]
    assert weight_bytes(LARGE) == 6_276_096
    assert chips_for_residency(LARGE) == 24


@given(st.integers(0, 10**18), st.integers(1, 10**9))
def test_as_many_pieces_as_it_takes_hold_a_total_and_one_less_does_not(
    total: int, size: int
) -> None:
    pieces = ceil_div(total, size)
    assert (pieces - 1) * size < total <= pieces * size


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ("somewhere", "'somewhere' is neither"),
        ("resident+lanes=64", "'lanes=64' sets no knob"),
        ("resident+fx", "'fx' sets no knob"),
        ("resident+fx=x", "'fx=x' sets no knob"),
        ("+fx=16", "input_fraction_bits=16 is not offered"),
        ("+fx=7", "input_fraction_bits=7 is not offered"),
        ("+schedule=best", "schedule='best' is not offered; take one of hybrid, serial"),
        ("+fx=9+fx=10", "set twice"),
        ("Resident", "'Resident' is neither"),
        ("resident+", "'' sets no knob"),
    ],
)
def test_a_form_that_does_not_exist_is_refused_in_words(instance: str, words: str) -> None:
    with pytest.raises(BackendNotFound, match=words) as caught:
        Form.parse(instance, SMALL)
    assert f"rpu:{instance}" in str(caught.value)
