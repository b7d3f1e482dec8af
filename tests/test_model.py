"""A bundle is loaded whole or refused by name."""

import hashlib
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import TINY_PHONEMES, write_tiny_bundle
from vau.errors import BadModel, ModelNotFound
from vau.model import find_model, load_model, shipped_models
from vau_backends.muntaniala.weights import SPEC, quantise


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_tiny_bundle(tmp_path / "tiny")
    return tmp_path / "tiny"


def edit_card(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((bundle / "card.json").read_text())
    change(card)
    (bundle / "card.json").write_text(json.dumps(card))


def test_a_bundle_comes_back_with_everything_in_it(bundle: Path) -> None:
    model = load_model(bundle)
    assert model.name == "tiny"
    assert model.phonemes == TINY_PHONEMES
    assert model.silence_ids == (0,)
    assert model.look_ahead_frames == 4 + 2
    assert model.master.keys() == model.network.weight_shapes().keys()
    assert all(values.dtype == np.float32 for values in model.master.values())
    assert model.digest.startswith("sha256:")


def test_any_bundle_is_found_by_its_directory(bundle: Path) -> None:
    assert find_model(str(bundle)).digest == load_model(bundle).digest


def test_an_unknown_model_is_refused_with_the_names_of_those_that_are_there() -> None:
    with pytest.raises(ModelNotFound, match="'no-such'") as caught:
        find_model("no-such")
    assert caught.value.facts["available"] == ", ".join(shipped_models())


@pytest.mark.parametrize("file", ["master.npz", f"{SPEC}.npz", "statistics.npz", "decoder.npz"])
def test_one_flipped_bit_in_any_file_is_noticed(bundle: Path, file: str) -> None:
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    with pytest.raises(BadModel, match=rf"{file}: SHA-256 is .* the card says .* again"):
        load_model(bundle)


def test_a_missing_file_is_named(bundle: Path) -> None:
    (bundle / "decoder.npz").unlink()
    with pytest.raises(BadModel, match=r"decoder\.npz: No such file"):
        load_model(bundle)


def test_the_files_of_another_model_are_foreign(bundle: Path, tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path / "other", seed=1)
    (bundle / "master.npz").write_bytes((tmp_path / "other" / "master.npz").read_bytes())
    with pytest.raises(BadModel, match=r"master\.npz: SHA-256"):
        load_model(bundle)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda card: card.update(schema="vau.model/9"), "vau.model/9"),
        (lambda card: card.pop("temperature"), "KeyError: 'temperature'"),
        (lambda card: card.update(temperature=0.0), "temperature=0.0"),
        (lambda card: card.update(temperature=math.inf), "temperature=inf"),
        (lambda card: card["network"].update(layers=0), "network.layers=0"),
        (lambda card: card["decoder"].update(min_frames=0), "min_frames=0"),
        (lambda card: card["decoder"].update(prior_weight=math.nan), "prior_weight=nan"),
        (lambda card: card.update(output_delay=-1), "output_delay"),
        (lambda card: card.update(output_delay=1001), "output_delay=1001 must be 0 to 1000"),
        (lambda card: card.update(output_delay=math.inf), "OverflowError"),
        (lambda card: card["network"].update(layers=2**31), "network.layers=2147483648"),
        (lambda card: card["network"].update(layers=True), "network.layers=True"),
        (lambda card: card["frontend"].update(mel_bands=26.0), "mel_bands=26.0 is not a whole"),
        (lambda card: card["frontend"].update(lifter=True), "lifter=True is not a whole"),
        (lambda card: card["frontend"].update(lifter=10**400), "must be in 1..1000"),
        (lambda card: card["frontend"].update(pre_emphasis=math.nan), "pre_emphasis=nan"),
        (lambda card: card["frontend"].update(fft_points=10**9), "65536 points at most"),
        (lambda card: card["frontend"].update(mel_bands=10**9), "no more bands than points"),
        (lambda card: card["decoder"].update(look_back_frames=10**9), "outside 1..1000"),
        (lambda card: card["decoder"].update(min_frames=1001), "min_frames=1001 is outside"),
        (lambda card: card["phonemes"].append("ZZ"), "7 phonemes for 6 classes"),
        (lambda card: card.update(silence=["HUSH"]), "not in tuple"),
        (lambda card: card["network"].update(peephole="no"), "network.peephole='no'"),
        (lambda card: card["network"].update(peephole=1), "network.peephole=1"),
        (lambda card: card["network"].update(peephole=True), r"not \['b_0', .* 'p_0', 'p_1'"),
        (lambda card: card["network"].update(inputs=99), "network.inputs=99"),
        (
            lambda card: card["network"].update(hidden=9),
            r"float16 \(32,\), not float16 \(36,\)",
        ),
        (lambda card: card["frontend"].update(kind="plp"), "plp"),
        (lambda card: card["integers"].update({SPEC: "int16"}), "not int16"),
    ],
)
def test_a_card_that_cannot_be_meant_is_refused_by_name(
    bundle: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    edit_card(bundle, change)
    with pytest.raises(BadModel, match=says):
        load_model(bundle)


def test_a_card_from_before_peepholes_has_none(bundle: Path) -> None:
    edit_card(bundle, lambda card: card["network"].pop("peephole"))
    assert not load_model(bundle).network.peephole


def test_peepholes_come_back_with_the_bundle(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path, layers=2, hidden=8, peephole=True)
    model = load_model(tmp_path)
    assert model.network.peephole
    assert model.master["p_1"].shape == model.integers[SPEC]["p_1"].shape == (24,)


def test_a_card_cut_short_is_refused(bundle: Path) -> None:
    card = bundle / "card.json"
    card.write_text(card.read_text()[:100])
    with pytest.raises(BadModel, match=r"card\.json"):
        load_model(bundle)


def test_a_card_nested_deeper_than_python_reads_is_refused(bundle: Path) -> None:
    (bundle / "card.json").write_text("[" * 100_000)
    with pytest.raises(BadModel, match=r"card\.json: maximum recursion depth"):
        load_model(bundle)


def test_arrays_that_are_compressed_are_refused(bundle: Path) -> None:
    with np.load(bundle / "statistics.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez_compressed(bundle / "statistics.npz", allow_pickle=False, **arrays)
    digest = hashlib.sha256((bundle / "statistics.npz").read_bytes()).hexdigest()
    edit_card(bundle, lambda card: card["sha256"].update({"statistics.npz": digest}))
    with pytest.raises(BadModel, match=r"statistics\.npz: .*store it as it is"):
        load_model(bundle)


def replace_array(bundle: Path, file: str, name: str, value: float) -> None:
    """Put ``value`` into an array of a bundle, and the new digest onto its card."""
    with np.load(bundle / file) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays[name][3] = value
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **arrays)
    (bundle / file).write_bytes(packed.getvalue())
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    edit_card(bundle, lambda card: card["sha256"].update({file: digest}))


def test_weights_that_are_not_numbers_are_refused(bundle: Path) -> None:
    replace_array(bundle, "master.npz", "b_0", np.nan)
    with pytest.raises(BadModel, match=r"master\.npz: b_0 holds a value that is not finite"):
        load_model(bundle)


def test_a_deviation_that_is_not_positive_is_refused(bundle: Path) -> None:
    replace_array(bundle, "statistics.npz", "inv_std", 0.0)
    with pytest.raises(BadModel, match=r"statistics\.npz: inv_std holds a value .* positive"):
        load_model(bundle)


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_integers_are_what_their_master_rounds_to(name: str) -> None:
    model = find_model(name)
    for weight, values in quantise(model.master, model.network).items():
        np.testing.assert_array_equal(model.integers[SPEC][weight], values)


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_card_names_corpus_licence_and_error_rates(name: str) -> None:
    card = find_model(name).card
    assert "LibriSpeech" in card["corpus"]["name"]
    assert card["licence"]
    assert {"per", "per_float"} <= card["measured"]["test"].keys()
