"""What the float backend adds to the contract: it is the textbook's network, in float32."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import tiny_model
from vau.backend import BackendOptions, Work
from vau.model import Model
from vau_backends.float.backend import FACTORY

MODEL = tiny_model(layers=2, hidden=8, temperature=1.5)
SEEING = tiny_model(layers=2, hidden=8, temperature=1.5, peephole=True)


def textbook(model: Model, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The equations of an LSTM, in float64."""

    def sigmoid(a: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / (1.0 + np.exp(-a))

    w = {name: values.astype(np.float64) for name, values in model.master.items()}
    h = np.zeros((model.network.layers, model.network.hidden))
    c = np.zeros_like(h)
    logits = []
    for frame in features:
        x = (frame.astype(np.float64) - model.mean) * model.inv_std
        for n in range(model.network.layers):
            a = w[f"w_x_{n}"] @ x + w[f"w_h_{n}"] @ h[n] + w[f"b_{n}"]
            i, f, g, o = np.split(a, 4)
            p_i, p_f, p_o = np.split(w[f"p_{n}"], 3) if model.network.peephole else (0, 0, 0)
            kept, new = sigmoid(f + p_f * c[n]), sigmoid(i + p_i * c[n])
            c[n] = kept * c[n] + new * np.tanh(g)
            h[n] = x = sigmoid(o + p_o * c[n]) * np.tanh(c[n])
        logits.append(w["w_out"] @ x + w["b_out"])
    scaled = np.array(logits) / model.temperature
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    log_prob: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return log_prob


def some_frames(scale: float = 1.0) -> NDArray[np.float32]:
    shape = (25, MODEL.network.inputs)
    return np.random.default_rng(2).normal(0, scale, shape).astype(np.float32)


@pytest.mark.parametrize("model", [MODEL, SEEING], ids=["plain", "peepholes"])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_it_computes_the_equations_of_an_lstm_without_clipping(
    model: Model, scale: float
) -> None:
    backend, frames = FACTORY.open(model, BackendOptions()), some_frames(scale)
    log_prob = backend.run([Work(backend.open(), frames)])[0].log_prob
    # float32 rounding, 25 recurrent steps long; a clip at 4 deviations would miss by 0.01
    np.testing.assert_allclose(log_prob, textbook(model, frames), atol=2e-5)


def test_it_is_no_bit_exact_datapath_and_costs_nothing_known() -> None:
    backend = FACTORY.open(MODEL, BackendOptions())
    result = backend.run([Work(backend.open(), some_frames())])[0]
    assert (backend.info.id, backend.info.arithmetic_id) == ("float", "float32")
    assert not backend.info.bit_exact
    assert result.cost.cycles is None
    assert result.cost.device_s is None
    assert result.cost.energies == ()


def test_a_loud_feature_saturates_its_gates_in_silence() -> None:
    backend = FACTORY.open(MODEL, BackendOptions())
    result = backend.run([Work(backend.open(), some_frames(1e6))])[0]
    assert np.isfinite(result.log_prob).all()


def test_peepholes_change_what_is_heard() -> None:
    master = {
        name: np.zeros_like(w) if name[0] == "p" else w for name, w in SEEING.master.items()
    }
    blind = FACTORY.open(replace(SEEING, master=master), BackendOptions())
    seeing = FACTORY.open(SEEING, BackendOptions())
    work = some_frames()
    heard, heard_blind = (
        each.run([Work(each.open(), work)])[0].log_prob for each in (seeing, blind)
    )
    assert np.abs(heard - heard_blind).max() > 0.01
