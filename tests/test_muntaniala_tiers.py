"""Which tier of the kernel computes: the best, the one that is named, or a clear refusal."""

import numpy as np
import pytest

from tests.lstm_cases import ACCUMULATORS, STYLES, Shape, assert_equal, make, stacked
from tests.models import tiny_model
from vau.backend import Backend, BackendOptions, Health, State
from vau.errors import ConfigInvalid
from vau_backends.muntaniala import kernel
from vau_backends.muntaniala.backend import FACTORY
from vau_backends.muntaniala.kernel import Lanes, compiled
from vau_backends.muntaniala.states import States
from vau_backends.tiers import VARIABLE

MODEL = tiny_model()


@pytest.fixture(autouse=True)
def _unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave each test to name a tier by itself."""
    monkeypatch.delenv(VARIABLE, raising=False)


def opened(name: str = "") -> Backend:
    return FACTORY.open(MODEL, BackendOptions(tier=name))


# --- the choice ---------------------------------------------------------------------------


def test_the_first_is_taken_and_numpy_is_the_last_of_them() -> None:
    assert kernel.choose() == kernel.tiers()[0]
    assert kernel.tiers()[-1] == "numpy"


def test_without_anything_compiled_numpy_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "TIERS", ())
    assert kernel.tiers() == ("numpy",)
    assert kernel.choose() == "numpy"


def test_the_variable_forces_a_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "numpy")
    assert kernel.choose() == "numpy"
    assert kernel.offered() == ("numpy",)


def test_a_variable_that_is_empty_forces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert kernel.choose() == kernel.tiers()[0]
    assert kernel.offered() == kernel.tiers()


def test_a_name_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "numpy")
    assert kernel.choose("reference") == "reference"


@pytest.mark.parametrize("name", [*kernel.tiers(), "reference"])
def test_every_tier_that_can_be_chosen_is_the_one_that_is_opened(name: str) -> None:
    case = make(1)
    opened = kernel.open_kernel(case.weights, case.tilings, case.knobs, tier=name)
    assert opened.tier == name


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigInvalid, match="tier=abacus: there is no such tier") as refused:
        kernel.choose("abacus")
    assert refused.value.facts["available"] == ", ".join((*kernel.tiers(), "reference"))
    assert refused.value.field == "tier"


def test_a_variable_that_names_none_is_named_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "abacus")
    with pytest.raises(ConfigInvalid, match=r"VAU_KERNEL=abacus: .*, or unset it") as refused:
        kernel.choose()
    assert refused.value.field == "VAU_KERNEL"


def test_a_tier_that_the_processor_lacks_is_told_from_one_that_was_not_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "TIERS", ("portable",))
    monkeypatch.setattr(compiled, "WHY_NOT", "")
    with pytest.raises(ConfigInvalid, match="amx: this processor or its system does not"):
        kernel.choose("amx")
    monkeypatch.setattr(compiled, "WHY_NOT", "the C kernel was not built")
    with pytest.raises(ConfigInvalid, match="amx: the C kernel was not built; take one of"):
        kernel.choose("amx")


# --- what a backend says of it ------------------------------------------------------------


def test_a_backend_tells_its_tier_and_what_else_there_is() -> None:
    info = opened().info
    assert (info.tier, info.tiers) == (kernel.tiers()[0], kernel.tiers())
    assert opened("numpy").info.tier == "numpy"


def test_a_backend_cannot_be_opened_on_a_tier_that_is_none() -> None:
    with pytest.raises(ConfigInvalid, match="tier=abacus"):
        opened("abacus")


def test_a_forced_tier_is_all_that_a_backend_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "reference")
    info = opened().info
    assert (info.tier, info.tiers) == ("reference", ("reference",))


def test_only_numpy_for_want_of_a_compiler_is_remarked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "WHY_NOT", "")
    assert opened("numpy").health() == Health(State.READY)
    monkeypatch.setattr(compiled, "TIERS", ())
    monkeypatch.setattr(compiled, "WHY_NOT", "the C kernel was not built")
    health = opened().health()
    assert health.state is State.READY
    assert "install a C compiler" in health.text
    assert opened("reference").health() == Health(State.READY)


# --- the reference as a tier --------------------------------------------------------------


def test_the_reference_is_never_taken_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "reference" not in kernel.tiers()
    monkeypatch.setattr(compiled, "TIERS", ())
    assert kernel.choose() != "reference"


@pytest.mark.parametrize("acc", ACCUMULATORS)
@pytest.mark.parametrize("style", STYLES)
def test_as_a_tier_the_reference_has_its_own_bits_and_events(style: str, acc: str) -> None:
    shape = Shape(style=style, acc=acc, peephole=True)  # type: ignore[arg-type]
    case = make(1, (3, 0, 5, 3), shape)
    assert_equal(case.on_tier("reference"), case.reference())


def test_the_reference_advances_the_rows_named_and_no_other() -> None:
    case = make(8, (2, 3))
    expected = case.reference()
    shape = (4, *case.states.h.shape[1:])
    pool, rows = States(np.full(shape, 77, np.int8), np.full(shape, 777, np.int16)), [3, 1]
    pool.h[rows], pool.c[rows] = case.states.h, case.states.c
    tier = kernel.open_kernel(case.weights, case.tilings, case.knobs, tier="reference")
    tier.run(*stacked(case.inputs), pool, rows)
    np.testing.assert_array_equal(pool.h[rows], expected.states.h)
    np.testing.assert_array_equal(pool.c[rows], expected.states.c)
    assert (pool.h[[0, 2]] == 77).all()
    assert (pool.c[[0, 2]] == 777).all()


def test_the_reference_clears_no_lane() -> None:
    shape = Shape(layers=2, hidden=7, columns=2)
    lanes = 2 * 2 * 4 * 7  # layers, columns, gates, units
    assert make(1, (3, 2), shape).on_tier("reference").lanes == Lanes(5 * lanes, 5 * lanes)
