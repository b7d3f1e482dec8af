from pathlib import Path

import numpy as np
import pytest

from tests.audio import encoded, noise
from vau.commands.features import CONFIGS, feature_names, features_of, write_features
from vau.errors import AudioCorrupt
from vau.frontend import Frontend, Kind, Piece, Utterance


@pytest.mark.parametrize(("kind", "width"), [("fbank", 123), ("mfcc", 39)])
def test_the_features_of_a_file_are_those_of_the_front_end(
    tmp_path: Path, kind: Kind, width: int
) -> None:
    samples = noise(16_000)
    (tmp_path / "x.wav").write_bytes(encoded(samples))
    assert write_features(tmp_path / "x.wav", tmp_path / "x.npz", kind) == (99, width)
    frontend = Frontend(CONFIGS[kind])
    (expected,) = frontend.advance([Piece(Utterance(), samples[:, 0], is_last=True)])
    with np.load(tmp_path / "x.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["features"], expected)
        assert stored["frame_start_sample"].tolist() == list(range(0, 99 * 160, 160))
        assert str(stored["kind"]) == kind
        names = stored["names"].tolist()
    assert len(set(names)) == width
    assert names == feature_names(CONFIGS[kind])


def test_a_long_file_is_taken_in_pieces_that_change_no_bit() -> None:
    samples = noise(170_000)[:, 0]
    config = CONFIGS["mfcc"]
    (expected,) = Frontend(config).advance([Piece(Utterance(), samples, is_last=True)])
    np.testing.assert_array_equal(features_of(samples, config), expected)


def test_the_energy_is_where_its_name_says() -> None:
    loud, quiet = noise(400)[:, 0], (noise(400)[:, 0] // 10).astype(np.int16)
    for config in CONFIGS.values():
        at = feature_names(config).index("log_energy")
        assert features_of(loud, config)[0, at] > features_of(quiet, config)[0, at] + 4.0


def test_a_file_too_short_for_a_sample_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(encoded(noise(1), rate_hz=48_000))
    with pytest.raises(AudioCorrupt, match=r"x\.wav"):
        write_features(tmp_path / "x.wav", tmp_path / "x.npz", "fbank")
