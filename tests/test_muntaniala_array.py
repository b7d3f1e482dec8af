"""How layers lie on dies, and what does not fit."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.errors import BackendNotFound, ModelTooLarge
from vau.model import Network
from vau_backends.muntaniala.array import DIE_BYTES, DieArray, Knobs, Tiling, least_square

SIZES = st.integers(1, 40)


def network(layers: int, hidden: int, inputs: int = 123) -> Network:
    return Network(layers=layers, hidden=hidden, inputs=inputs, classes=40)


@given(rows=SIZES, columns=SIZES, hidden=SIZES, inputs=SIZES)
def test_the_columns_share_every_element_once_and_in_order(
    rows: int, columns: int, hidden: int, inputs: int
) -> None:
    tiling = Tiling(rows=rows, columns=columns, hidden=hidden, inputs=inputs)
    x = [n for k in range(columns) for n in range(inputs)[tiling.x_slice(k)]]
    h = [n for k in range(columns) for n in range(hidden)[tiling.h_slice(k)]]
    assert x == list(range(inputs))
    assert h == list(range(hidden))
    assert tiling.units_per_die * rows >= hidden


def test_the_last_share_may_be_short_or_empty() -> None:
    tiling = Tiling(rows=1, columns=4, hidden=5, inputs=6)
    assert [tiling.h_slice(k) for k in range(4)] == [
        slice(0, 2),
        slice(2, 4),
        slice(4, 5),
        slice(5, 5),
    ]
    assert tiling.x_slice(3) == slice(6, 6)


@pytest.mark.parametrize(
    ("hidden", "name"), [(1, "1x1"), (96, "1x1"), (97, "2x2"), (384, "4x4"), (421, "5x5")]
)
def test_the_default_is_the_least_square_with_enough_units(hidden: int, name: str) -> None:
    assert str(DieArray.square_for(hidden)) == name


def test_a_full_die_of_96_units_and_123_inputs_fits_exactly() -> None:
    (tiling,) = DieArray.parse("1x1").tile(network(1, 96))
    assert tiling.die_bytes == DIE_BYTES == 84_480


def test_each_layer_has_an_array_of_its_own() -> None:
    tilings = DieArray.parse("4x4").tile(network(3, 384))
    assert [tiling.inputs for tiling in tilings] == [123, 384, 384]
    assert [tiling.die_bytes for tiling in tilings] == [49_152, 74_112, 74_112]


@pytest.mark.parametrize(
    ("array", "layers", "hidden", "inputs", "remedy", "needed"),
    [
        ("1x1", 1, 96, 124, "2x2", 96 * (4 * (96 + 124) + 4)),  # one column of memory
        ("1x4", 1, 384, 123, "4x4", 96 * (4 * (96 + 31) + 4)),  # memory fits, units do not
        ("1x1", 2, 96, 120, "1x1", 0),
        ("3x3", 3, 384, 123, "4x4", 96 * (4 * 256 + 4)),
        ("2x2", 2, 96, 600, "4x4", 96 * (4 * (48 + 300) + 4)),  # the inputs decide
    ],
)
def test_what_a_die_cannot_hold_is_refused_with_a_remedy(
    array: str, layers: int, hidden: int, inputs: int, remedy: str, needed: int
) -> None:
    dies = DieArray.parse(array)
    if not needed:
        assert dies.tile(network(layers, hidden, inputs))
        return
    with pytest.raises(ModelTooLarge, match=f"open muntaniala:{remedy}") as refusal:
        dies.tile(network(layers, hidden, inputs))
    assert refusal.value.facts["needed_bytes"] == needed
    assert refusal.value.facts["available_bytes"] == DIE_BYTES
    assert refusal.value.facts["available_dies"] == dies.dies
    assert DieArray.parse(remedy).tile(network(layers, hidden, inputs))


@given(
    layers=st.integers(1, 3),
    hidden=st.integers(1, 500),
    inputs=st.integers(1, 1000),
    peephole=st.booleans(),
)
def test_the_least_square_holds_a_network_and_none_smaller_does(
    layers: int, hidden: int, inputs: int, peephole: bool
) -> None:
    asked = replace(network(layers, hidden, inputs), peephole=peephole)
    least = least_square(asked)
    assert least.tile(asked)
    if least.rows > 1:
        smaller = replace(least, rows=least.rows - 1, columns=least.columns - 1)
        with pytest.raises(ModelTooLarge, match=f"open muntaniala:{least}"):
            smaller.tile(asked)


def test_rows_come_first_in_the_name() -> None:
    array = DieArray.parse("2x5")
    assert (array.rows, array.columns, array.dies, str(array)) == (2, 5, 10, "2x5")


@pytest.mark.parametrize("name", ["", "4", "x4", "0x4", "04x4", "4X4", "4x4x4", "-1x2", "٤x٤"])
def test_any_other_name_is_not_found(name: str) -> None:
    with pytest.raises(BackendNotFound, match="rows and columns"):
        DieArray.parse(name)


@pytest.mark.parametrize("acc", ["wrap", "wide"])
@pytest.mark.parametrize(("dies", "found"), [("2x5", "2x5"), ("", "4x4")])
def test_the_accumulators_may_be_named_with_dies_or_without(
    acc: str, dies: str, found: str
) -> None:
    array = DieArray.parse(f"{dies}+acc={acc}", default=DieArray.square_for(384))
    assert (str(array), array.knobs.acc) == (f"{found}+acc={acc}", acc)
    assert DieArray.parse(str(array)) == array


def test_accumulators_that_saturate_need_not_be_named() -> None:
    assert str(DieArray.parse("2x5+acc=sat")) == "2x5"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("acc=fast", "acc='fast' is not offered; munt-spec-0 defines 'sat', 'wrap', 'wide'"),
        ("acc=", "acc='' is not offered"),
        ("acc=wide+acc=wrap", "a knob is set twice"),
        ("w_frac=6", "w_frac='6' is not offered; munt-spec-0 defines 5"),
        ("round=nearest", "round='nearest' is not offered; munt-spec-0 defines 'floor'"),
        ("peephole=True", "peephole is set by the model"),
        (
            "speed=9",
            "'speed=9' sets no knob; acc can be set, and fixed are units_per_die, .*, bias",
        ),
        ("", "'' sets no knob"),
    ],
)
def test_a_setting_that_is_not_offered_is_answered_with_what_is(
    setting: str, says: str
) -> None:
    with pytest.raises(BackendNotFound, match=rf"muntaniala:4x4\+{re.escape(setting)}: {says}"):
        DieArray.parse(f"4x4+{setting}")


@pytest.mark.parametrize(
    ("instance", "peephole", "arithmetic_id"),
    [
        ("2x5", False, "munt-spec-0/C5"),
        ("2x5", True, "munt-spec-0+peephole/C5"),
        ("2x5+acc=wide", False, "munt-spec-0+acc=wide"),
        ("2x5+acc=wrap", False, "munt-spec-0+acc=wrap"),
        ("2x5+acc=wrap", True, "munt-spec-0+acc=wrap+peephole"),
    ],
)
def test_the_bits_are_named_after_all_that_decides_them(
    instance: str, arithmetic_id: str, *, peephole: bool
) -> None:
    default = DieArray.square_for(1, Knobs(peephole=peephole))
    assert DieArray.parse(instance, default).arithmetic_id == arithmetic_id


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("units_per_die", 128),
        ("w_frac", 6),
        ("a_frac", 8),
        ("acc_frac", 11),
        ("x_shift", 0),
        ("acc", "clip"),
        ("product_shift", 1),
        ("round", "nearest"),
        ("act", "pwl16"),
        ("tanh_shift", 6),
        ("sigmoid_shift", 7),
        ("peephole", 2),
        ("gate_order", "ifog"),
        ("bias", "last_die"),
    ],
)
def test_a_knob_at_a_value_without_meaning_is_refused_by_name(knob: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{knob}={value!r} is not offered"):
        Knobs(**{knob: value})  # type: ignore[arg-type]


def test_peepholes_take_three_bytes_of_each_unit_in_a_die_made_for_them() -> None:
    seeing = replace(network(1, 96), peephole=True)
    (tiling,) = DieArray.square_for(96, Knobs(peephole=True)).tile(seeing)
    assert tiling.die_bytes == tiling.available_bytes == 96 * 883
    assert not replace(tiling, inputs=124).fits


def test_a_network_with_peepholes_needs_dies_with_peepholes() -> None:
    with pytest.raises(ValueError, match=r"network\.peephole=True, but the dies have"):
        DieArray.parse("1x1").tile(replace(network(1, 8), peephole=True))


def test_the_remedy_keeps_the_accumulators() -> None:
    with pytest.raises(ModelTooLarge, match=r"open muntaniala:2x2\+acc=wide"):
        DieArray.parse("1x1+acc=wide").tile(network(1, 97))


def test_an_array_has_at_least_one_die() -> None:
    with pytest.raises(ValueError, match="no die"):
        DieArray(rows=0, columns=1)
    with pytest.raises(ValueError, match="inputs=0"):
        Tiling(rows=1, columns=1, hidden=1, inputs=0)
