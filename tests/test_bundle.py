"""Writing a bundle: the same bytes each time, and nothing that cannot be read back."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import TINY_FRONTEND, TINY_PHONEMES, tiny_model, write_tiny_bundle
from vau.bundle import write_bundle
from vau.errors import BadModel
from vau.model import DecoderTables, Network, load_model
from vau_backends.muntaniala.weights import SPEC, quantise

NETWORK = Network(
    layers=1, hidden=3, inputs=TINY_FRONTEND.feature_dim, classes=len(TINY_PHONEMES)
)


def random_master() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(7)
    return {
        name: rng.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in NETWORK.weight_shapes().items()
    }


def full_master(value: float) -> dict[str, NDArray[np.float32]]:
    shapes = NETWORK.weight_shapes()
    return {name: np.full(shape, value, np.float32) for name, shape in shapes.items()}


def write(
    folder: Path,
    *,
    master: dict[str, NDArray[np.float32]] | None = None,
    phonemes: tuple[str, ...] = TINY_PHONEMES,
    facts: dict[str, object] | None = None,
) -> None:
    write_bundle(
        folder,
        name="small",
        network=NETWORK,
        frontend=TINY_FRONTEND,
        output_delay=2,
        temperature=1.25,
        phonemes=phonemes,
        silence=["SIL"],
        mean=np.zeros(NETWORK.inputs, np.float32),
        inv_std=np.ones(NETWORK.inputs, np.float32),
        master=random_master() if master is None else master,
        integers={SPEC: quantise},
        decoder=DecoderTables(
            log_trigram=np.zeros((6, 6, 6), np.float16),
            log_prior=np.zeros(6, np.float16),
            min_frames=3,
            look_back_frames=25,
            prior_weight=0.25,
            language_weight=0.5,
            insertion_bonus=-1.5,
        ),
        facts={"phoneme_error_rate": 0.5} if facts is None else facts,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    model = load_model(tmp_path)
    assert (model.name, model.network, model.frontend) == ("small", NETWORK, TINY_FRONTEND)
    assert (model.output_delay, model.temperature) == (2, 1.25)
    assert (model.phonemes, model.silence_ids) == (TINY_PHONEMES, (0,))
    assert (model.decoder.min_frames, model.decoder.look_back_frames) == (3, 25)
    assert model.decoder.prior_weight == 0.25
    assert (model.decoder.language_weight, model.decoder.insertion_bonus) == (0.5, -1.5)
    assert model.card["phoneme_error_rate"] == 0.5


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_bytes_are_those_of_every_machine(tmp_path: Path) -> None:
    write(tmp_path, master=full_master(0.0))
    digest = hashlib.sha256((tmp_path / "master.npz").read_bytes()).hexdigest()
    assert digest == "adf5d7cf7a9e426b52a996cf7ce68fdeaaa279b069af8df0b4034dfeccbf6404"


def test_the_integers_can_be_made_again_from_the_stored_master(tmp_path: Path) -> None:
    write(tmp_path, master=full_master(2.5 / 32 + 1e-6))  # 3 steps, but 2 after float16
    model = load_model(tmp_path)
    expected = quantise(model.master, NETWORK)
    assert (expected["w_h_0"] == 2).all()
    for name, values in model.integers[SPEC].items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_fact_may_not_hide_a_field_of_the_card(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name"):
        write(tmp_path, facts={"name": "another"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, 7e4])
def test_a_weight_that_float16_cannot_hold_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="w_x_0"):
        write(tmp_path, master=full_master(value))


def test_a_bundle_that_could_not_be_loaded_is_reported_when_written(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="5 phonemes for 6 classes"):
        write(tmp_path, phonemes=TINY_PHONEMES[:-1])


def test_a_tiny_bundle_on_disk_is_the_tiny_model(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path, seed=5)
    assert load_model(tmp_path).digest == tiny_model(seed=5).digest
    assert tiny_model(seed=6).digest != tiny_model(seed=5).digest
    assert json.loads((tmp_path / "card.json").read_text("utf-8"))["name"] == "tiny"
