"""A change of one bit in a table, a shift or an order is caught by the ordinary tests.

Each row below is such a change. It is made to the reference, or to the numpy tier, and then an
ordinary test is run on it: nearly always that of the known answers, ``test_muntaniala_known``.
It must fail. What is compiled cannot be changed so; it answers to the same known answers, and
gets its tables from Python.
"""

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import lstm_cases
from tests import test_muntaniala_backend as of_backend
from tests import test_muntaniala_known as known
from tests import test_muntaniala_weights as of_weights
from vau_backends.muntaniala import backend, cell, fixedpoint, tables, weights
from vau_backends.muntaniala.kernel import numpy_tier

Edits = tuple[tuple[str, str], ...]


def fails(test: Callable[..., None], *arguments: object) -> bool:
    try:
        test(*arguments)
    except AssertionError:
        return True
    return False


def reference_is_caught() -> bool:
    return any(
        fails(known.test_the_reference_gives_the_known_answer, name) for name in known.CASES
    )


def numpy_tier_is_caught() -> bool:
    return any(
        fails(known.test_a_tier_gives_the_known_answer, name, "numpy") for name in known.CASES
    )


def test_without_a_change_nothing_is_caught() -> None:
    assert not reference_is_caught()
    assert not numpy_tier_is_caught()


# --- every entry of both tables ---------------------------------------------------------

TABLES: Final[dict[str, tuple[NDArray[np.int16], int]]] = {
    "SIGMOID": (tables.SIGMOID, tables.SIGMOID_SHIFT),
    "TANH": (tables.TANH, tables.TANH_SHIFT),
}
each_table = pytest.mark.parametrize("name", TABLES)
up_and_down = pytest.mark.parametrize("change", [1, -1])


def with_one_entry_changed(name: str, entry: int, change: int) -> NDArray[np.int16]:
    table = TABLES[name][0].copy()
    table[entry] += change
    return table


@each_table
@up_and_down
def test_a_change_in_any_of_256_entries_is_caught_in_the_reference(
    name: str, change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = []
    for entry in range(256):
        monkeypatch.setattr(cell, name, with_one_entry_changed(name, entry, change))
        if not fails(known.test_the_reference_gives_the_known_answer, "every entry"):
            missed.append(entry)
    assert missed == []


@each_table
@up_and_down
def test_a_change_in_any_of_256_entries_is_caught_in_the_numpy_tier(
    name: str, change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = []
    for entry in range(256):
        table = with_one_entry_changed(name, entry, change)
        spread = numpy_tier._by_index(table, TABLES[name][1])  # noqa: SLF001  as on import
        monkeypatch.setattr(numpy_tier, f"{name}_BY_INDEX", spread)
        if not fails(known.test_a_tier_gives_the_known_answer, "every entry", "numpy"):
            missed.append(entry)
    assert missed == []


# --- every shift ------------------------------------------------------------------------


@up_and_down
@pytest.mark.parametrize(
    "shift",
    [
        "SIGMOID_SHIFT",
        "TANH_SHIFT",
        "BIAS_SHIFT",
        "ACCUMULATOR_FRACTION_BITS",
        "HIDDEN_SHIFT",
        "PEEPHOLE_SHIFT",
    ],
)
@pytest.mark.parametrize(
    ("module", "is_caught"),
    [(cell, reference_is_caught), (numpy_tier, numpy_tier_is_caught)],
    ids=["reference", "numpy tier"],
)
def test_a_shift_by_one_place_more_or_less_is_caught(
    module: ModuleType,
    is_caught: Callable[[], bool],
    shift: str,
    change: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, shift, getattr(module, shift) + change)
    assert is_caught()


@up_and_down
@pytest.mark.parametrize(
    ("module", "shift", "test"),
    [
        (
            backend,
            "INPUT_SHIFT",
            of_backend.test_an_input_carries_a_quarter_of_a_feature_with_ties_to_even,
        ),
        (
            backend,
            "ACTIVATION_FRACTION_BITS",
            of_backend.test_an_input_carries_a_quarter_of_a_feature_with_ties_to_even,
        ),
        (
            backend,
            "ACCUMULATOR_FRACTION_BITS",
            of_backend.test_the_temperature_divides_the_logits,
        ),
        (
            weights,
            "INPUT_SHIFT",
            of_weights.test_only_the_first_layers_input_weights_are_stored_times_four,
        ),
        (
            weights,
            "WEIGHT_FRACTION_BITS",
            of_weights.test_only_the_first_layers_input_weights_are_stored_times_four,
        ),
    ],
)
def test_a_shift_on_the_host_is_caught(
    module: ModuleType,
    shift: str,
    test: Callable[..., None],
    change: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not fails(test)
    monkeypatch.setattr(module, shift, getattr(module, shift) + change)
    assert fails(test)


# --- orders, roundings, bounds: the source itself is changed ----------------------------


def edited(module: ModuleType, edits: Edits = ()) -> dict[str, Any]:
    """Return what ``module`` would define if its source were changed so."""
    source = inspect.getsource(module)
    for old, new in edits:
        assert source.count(old) == 1, f"not once in {module.__name__}; update the row: {old}"
        source = source.replace(old, new)
    changed = ModuleType(module.__name__)
    exec(compile(source, f"{module.__file__} changed", "exec"), changed.__dict__)
    return changed.__dict__


IN_THE_REFERENCE: Final[dict[str, Edits]] = {
    "x is added in descending order": (
        ("in _indices(tiling.x_slice(column))", "in _indices(tiling.x_slice(column))[::-1]"),
    ),
    "h is added in descending order": (
        ("in _indices(tiling.h_slice(column))", "in _indices(tiling.h_slice(column))[::-1]"),
    ),
    "h is added before x": (
        ("tiling.x_slice(column)", "tiling.swapped(column)"),
        ("tiling.h_slice(column)", "tiling.x_slice(column)"),
        ("tiling.swapped(column)", "tiling.h_slice(column)"),
        ("w_x[:, j] * x[..., [j]]", "w_swapped[:, j] * h[..., [j]]"),
        ("w_h[:, j] * h[..., [j]]", "w_x[:, j] * x[..., [j]]"),
        ("w_swapped", "w_h"),
    ),
    "the dies of a row are in the other order": (
        ("tiling.x_slice(column)", "tiling.x_slice(tiling.columns - 1 - column)"),
        ("tiling.h_slice(column)", "tiling.h_slice(tiling.columns - 1 - column)"),
    ),
    "the bias enters in the last die": (
        ("acc = bias if column == 0", "acc = bias if column == tiling.columns - 1"),
    ),
    "the row is one sum across its dies": (
        (
            "acc = bias if column == 0 else np.zeros_like(bias)",
            "acc = bias if column == 0 else row",
        ),
        ("row = acc if column == 0 else kept.after_each(row + acc)", "row = acc"),
    ),
    "the row does not saturate between its dies": (
        ("else kept.after_each(row + acc)", "else row + acc"),
    ),
    "g and o change places": (("a_i, a_f, a_g, a_o = np", "a_i, a_f, a_o, a_g = np"),),
    "i and f change places": (("a_i, a_f, a_g, a_o = np", "a_f, a_i, a_g, a_o = np"),),
    "peepholes of i and f change places": (("p_i, p_f, p_o = np", "p_f, p_i, p_o = np"),),
    "peepholes of f and o change places": (("p_i, p_f, p_o = np", "p_i, p_o, p_f = np"),),
    "o sees the old c": (
        ("c = sat16((f * c", "old, c = c, sat16((f * c"),
        ("(c * p_o", "(old * p_o"),
    ),
    "f * c is rounded to nearest": (
        ("(f * c >> ACCUMULATOR_FRACTION_BITS)", "(f * c + 2048 >> ACCUMULATOR_FRACTION_BITS)"),
    ),
    "i * g is rounded to nearest": (
        ("(i * g >> ACCUMULATOR_FRACTION_BITS)", "(i * g + 2048 >> ACCUMULATOR_FRACTION_BITS)"),
    ),
    "both products are floored at once": (
        (
            "(f * c >> ACCUMULATOR_FRACTION_BITS) + (i * g >> ACCUMULATOR_FRACTION_BITS)",
            "f * c + i * g >> ACCUMULATOR_FRACTION_BITS",
        ),
    ),
    "h is rounded to nearest": (
        ("o * look_up(TANH, TANH_SHIFT, c) >>", "o * look_up(TANH, TANH_SHIFT, c) + 65536 >>"),
    ),
    "the table's index is rounded to nearest": (
        ("(a >> shift)", "(a + (1 << shift >> 1) >> shift)"),
    ),
    "c * p is rounded to nearest, for i": (("(c * p_i >>", "(c * p_i + 16 >>"),),
    "c * p is rounded to nearest, for f": (("(c * p_f >>", "(c * p_f + 16 >>"),),
    "c * p is rounded to nearest, for o": (("(c * p_o >>", "(c * p_o + 16 >>"),),
    "wide sums wrap in the end": (("cls(_all, sat16)", "cls(_all, wrap16)"),),
    "wrapping sums saturate": (("cls(wrap16, _all)", "cls(sat16, _all)"),),
    "layer 2 reads the h of the step before": (
        ("layer.step(x)", "before = layer.h; layer.step(x)"),
        ("x = layer.h", "x = before"),
    ),
}

IN_THE_NUMPY_TIER: Final[dict[str, Edits]] = {
    "products are added in descending order": (
        ("products = self._rows[column, unit]", "products = (self._rows[column, unit]"),
        ("* operands[column, work]  #", "* operands[column, work])[:, ::-1]  #"),
    ),
    "h is added before x": (
        ("np.concatenate([w_x, w_h], axis=2", "np.concatenate([w_h, w_x], axis=2"),
        ("np.concatenate([x[:, step], h], axis=2)", "np.concatenate([h, x[:, step]], axis=2)"),
    ),
    "the row is added from right to left": (
        ("= sums[0].astype", "= sums[-1].astype"),
        ("in sums[1:]", "in sums[-2::-1]"),
    ),
    "the bias enters in the last die": (("self._start[0] =", "self._start[-1] ="),),
    "the row saturates at its end alone": (
        ('        if knobs.acc == "sat":', '        if knobs.acc == "never":'),
        ('if knobs.acc == "wide"', 'if knobs.acc != "wrap"'),
    ),
    "g and o change places": (("a_i, a_f, a_g, a_o = np", "a_i, a_f, a_o, a_g = np"),),
    "peepholes of i and f change places": (("p_i, p_f, p_o = p", "p_f, p_i, p_o = p"),),
    "f * c is rounded to nearest": (("kept = f * c >>", "kept = f * c + 2048 >>"),),
    "i * g is rounded to nearest": (("(i * g >>", "(i * g + 2048 >>"),),
    "h is rounded to nearest": (
        ("TANH_BY_INDEX[c >> TANH_SHIFT] >>", "TANH_BY_INDEX[c >> TANH_SHIFT] + 65536 >>"),
    ),
    "wrapping sums saturate": (
        ('if knobs.acc == "wide"', 'if knobs.acc != "sat"'),
        ('if knobs.acc == "wrap"', 'if knobs.acc == "never"'),
    ),
    "doubt about the x part is forgotten": (
        ("x_doubtful[:, step] | h_doubtful", "h_doubtful"),
    ),
    "doubt about the h part is forgotten": (
        ("x_doubtful[:, step] | h_doubtful", "x_doubtful[:, step]"),
    ),
}

BOUNDS: Final[dict[str, Edits]] = {
    "SAT16 stops at 32766": (("-32_768, 32_767", "-32_768, 32_766"),),
    "SAT16 stops at -32767": (("-32_768, 32_767", "-32_767, 32_767"),),
    "a table ends at k = 126": (("-128, 127", "-128, 126"),),
    "wrapping is modulo 2**15": (("% 2**16", "% 2**15"),),
}


@pytest.mark.parametrize("edits", IN_THE_REFERENCE.values(), ids=IN_THE_REFERENCE)
def test_a_changed_order_or_rounding_is_caught_in_the_reference(
    edits: Edits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell, "run", edited(cell, edits)["run"])
    assert reference_is_caught()


@pytest.mark.parametrize("edits", IN_THE_NUMPY_TIER.values(), ids=IN_THE_NUMPY_TIER)
def test_a_changed_order_or_rounding_is_caught_in_the_numpy_tier(
    edits: Edits, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = edited(numpy_tier, edits)["NumpyKernel"]
    monkeypatch.setattr(
        lstm_cases, "open_kernel", lambda w, dies, knobs, **_: changed(w, dies, knobs)
    )
    assert numpy_tier_is_caught()


@pytest.mark.parametrize("edits", BOUNDS.values(), ids=BOUNDS)
def test_a_changed_bound_is_caught_in_the_reference(
    edits: Edits, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ModuleType(fixedpoint.__name__)
    changed.__dict__.update(edited(fixedpoint, edits))
    monkeypatch.setitem(sys.modules, fixedpoint.__name__, changed)
    monkeypatch.setattr(cell, "run", edited(cell)["run"])
    assert reference_is_caught()


@pytest.mark.parametrize(("bound", "change"), [("S16_MAX", -1), ("S16_MIN", 1)])
def test_a_changed_bound_is_caught_in_the_numpy_tier(
    bound: str, change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numpy_tier, bound, getattr(numpy_tier, bound) + change)
    assert numpy_tier_is_caught()
