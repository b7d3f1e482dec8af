"""The networks that ship: each opens on its array, passes its check, costs what it should."""

from pathlib import Path

import numpy as np
import pytest

from vau.backend import BackendOptions, Work
from vau.model import find_model, shipped_models
from vau.registry import open_backend
from vau.selfcheck import self_check
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.backend import FACTORY
from vau_backends.muntaniala.kernel import Kernel
from vau_backends.muntaniala.weights import from_model

ARRAYS = {"munt-3x384": "4x4", "munt-1x192": "2x2", "munt-1x96-mfcc": "1x1"}
models = pytest.mark.parametrize("name", ARRAYS)


def test_these_models_ship() -> None:
    assert set(shipped_models()) == set(ARRAYS)


@models
def test_a_model_opens_on_the_smallest_square_of_dies_that_holds_it(name: str) -> None:
    assert FACTORY.discover(find_model(name)) == [f"muntaniala:{ARRAYS[name]}"]


@models
@pytest.mark.parametrize("kind", ["muntaniala", "float"])
def test_a_model_passes_the_check_that_a_server_makes_before_it_listens(
    name: str, kind: str
) -> None:
    model = find_model(name)
    backend = open_backend(kind, model)
    self_check(backend, model)
    backend.close()


def test_the_published_board_is_the_one_that_is_not_extrapolated() -> None:
    for name, array in ARRAYS.items():
        model = find_model(name)
        backend = FACTORY.open(model, BackendOptions())
        silence = np.tile(model.mean, (1, 1))
        (result,) = backend.run([Work(backend.open(), silence)])
        (energy,) = result.cost.energies
        assert energy.extrapolated == (name != "munt-1x192"), array
        if not energy.extrapolated:
            assert result.cost.cycles == 3300
            assert energy.joules * 1e6 == pytest.approx(2.954, abs=5e-4)  # prints 2.95


@models
def test_the_readme_says_what_the_card_measured(name: str) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}`")]
    model = find_model(name)
    measured = model.card["measured"]["test"]
    assert f"| {100 * measured['per']:.1f} % | {100 * measured['per_float']:.1f} % |" in row
    assert f"| {model.look_ahead_frames} frames |" in row


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("munt-3x384", "4x4"),
        ("munt-3x384", "5x5"),
        ("munt-1x192", "2x2"),
        ("munt-1x192", "3x3"),
        ("munt-1x96-mfcc", "1x1"),
        ("munt-1x96-mfcc", "2x2"),
    ],
)
def test_on_trained_weights_the_kernel_is_the_reference(name: str, array: str) -> None:
    model = find_model(name)
    weights, tilings = from_model(model), DieArray.parse(array).tile(model.network)
    noise = np.random.default_rng(7).normal(0, 40, (200, model.network.inputs))
    x = np.rint(noise).clip(-128, 127).astype(np.int8)
    zero = cell.State.zero(model.network)
    expected = cell.run(weights, tilings, x, zero)
    (found,) = Kernel(weights, tilings).run([x], [zero])
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.state.h, expected.state.h)
    np.testing.assert_array_equal(found.state.c, expected.state.c)
    assert found.saturations == expected.saturations
