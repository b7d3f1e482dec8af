"""The networks that ship: each opens on its array, passes its check, costs what it should."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from vau.backend import BackendOptions, Work
from vau.model import find_model, shipped_models
from vau.registry import open_backend
from vau.selfcheck import self_check
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.backend import FACTORY
from vau_backends.muntaniala.kernel import open_kernel
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import from_model

ARRAYS = {"munt-3x384": "4x4", "munt-1x192": "2x2", "munt-1x96-mfcc": "1x1"}
BITS = {  # SHA-256 of logits, h and c after 50 frames of noise
    "munt-3x384": "3cab0bf9c2fe023a80455ac8ae23deed77c12ef831d82906a94e328eeca31246",
    "munt-1x192": "28793c5fe418665a6b8d0bac87fd26f0fc34e6ae6881528e60c92e9c1feacbf1",
    "munt-1x96-mfcc": "27c780708d25720965dd2d96b2e944565307d7790e7fdddcc7a22331fe11eb20",
}
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
        (energy,) = [each for each in result.cost.energies if each.boundary == "system"]
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


@models
def test_the_bits_of_a_model_are_those_it_was_published_with(name: str) -> None:
    model, array = find_model(name), DieArray.parse(ARRAYS[name])
    x = np.random.default_rng(7).integers(-128, 128, (50, model.network.inputs)).astype(np.int8)
    states = States.zero(1, model.network)
    kernel = open_kernel(from_model(model), array.tile(model.network), array.knobs)
    answer = kernel.run(x, [len(x)], states, [0])
    bits = (answer.logits.astype("<i4"), states.h, states.c.astype("<i2"))
    assert hashlib.sha256(b"".join(each.tobytes() for each in bits)).hexdigest() == BITS[name]
