"""A replay tells whether the bits are the same, and what it was that differs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio import encoded, noise
from tests.commands import vau
from tests.lively import LIVELY, write_lively_bundle
from tests.models import write_tiny_bundle
from tests.serving import END_UTTERANCE, Heard, hear, muntaniala, serving, streaming
from vau.commands.verify.claim import claim_of
from vau.commands.verify.plan import Verdict, VerifyPlan, verify
from vau.endpoint import EndReason
from vau.errors import CapabilityMissing, ConfigInvalid, ModelNotFound, VauError
from vau.segments import Segment
from vau.transcripts import Engine, Transcription, write
from vau.v1 import speech_pb2 as pb
from vau_backends.muntaniala import kernel
from vau_backends.muntaniala.kernel.numpy_tier import NumpyKernel
from vau_backends.muntaniala.states import States
from vau_backends.tiers import REFERENCE, VARIABLE

SAMPLES: Final = 8_000


@pytest.fixture(autouse=True)
def _unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave each test to force a tier by itself."""
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two bundles, a recording, and transcripts of it that the verbs wrote."""
    folder = tmp_path_factory.mktemp("verify")
    write_lively_bundle(folder / "model")
    write_tiny_bundle(folder / "other", name="other", weight_std=4.0, seed=7)
    (folder / "a.flac").write_bytes(encoded(noise(SAMPLES), "FLAC"))
    command = ("transcribe", folder / "a.flac", "--model", folder / "model", "--out")
    assert vau(*command, folder / "plain").returncode == 0
    assert vau(*command, folder / "float", "--backend", "float").returncode == 0
    written = vau(*command, folder / "logits", "--format", "jsonl,npz", "--logits")
    assert written.returncode == 0
    return folder


def replayed(folder: Path, transcript: Path, recording: str = "a.flac", **plan: str) -> Verdict:
    """Verify a recording of ``folder`` with the means of the transcript, but for ``plan``."""
    claim = claim_of(transcript, "")
    means = {"model": str(folder / "model"), "backend": claim.backend, **plan}
    return verify(VerifyPlan(recording=folder / recording, claim=claim, **means))  # type: ignore[arg-type]


Line = dict[str, Any]


def changed(transcript: Path, target: Path, change: Callable[[list[Line]], None]) -> Path:
    """Write a transcript whose lines ``change`` has altered."""
    lines = [json.loads(line) for line in transcript.read_text().splitlines()]
    change(lines)
    target.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return target


def flip(lines: list[Line]) -> None:
    """Change one hexadecimal digit of the output digest."""
    digest = lines[-1]["output_digest"]
    lines[-1]["output_digest"] = f"{int(digest[0], 16) ^ 1:x}{digest[1:]}"


def summary_of(transcript: Path) -> Line:
    summary: Line = json.loads(transcript.read_text().splitlines()[-1])
    return summary


# --- the same -----------------------------------------------------------------------------


def test_a_transcript_is_verified_on_every_tier_of_this_machine(folder: Path) -> None:
    command = ("verify", folder / "a.flac", folder / "plain/a.jsonl", "--model")
    done = vau(*command, folder / "model")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *tiers, last = done.stdout.splitlines()
    assert heading == "tiny on muntaniala:1x1 (munt-spec-0/C1), 0.50 s of audio"
    assert [line.split()[0] for line in tiers] == list(kernel.tiers())
    assert all("the same bits" in line for line in tiers)
    on = ", ".join(kernel.tiers())
    assert last == f"the same bits on {on}; what was decoded from them was not compared"


@pytest.mark.parametrize("tier", [*kernel.tiers(), REFERENCE])
def test_each_tier_can_be_named_and_the_reference_too(folder: Path, tier: str) -> None:
    verdict = replayed(folder, folder / "plain/a.jsonl", tier=tier)
    assert [each.tier for each in verdict.replays] == [tier]
    assert verdict.difference is None


def test_what_a_live_stream_wrote_is_verified_as_well(folder: Path, tmp_path: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        command = ("stream", folder / "a.flac", "--server", served.address, "--no-pace")
        assert vau(*command, "--chunk-ms", 20, "--out", tmp_path).returncode == 0
    verdict = replayed(folder, tmp_path / "a.jsonl")
    assert verdict.replays
    assert verdict.difference is None


def test_a_digest_alone_is_enough(folder: Path) -> None:
    digest = summary_of(folder / "plain/a.jsonl")["output_digest"]
    command = ("verify", folder / "a.flac", "--model", folder / "model", "--digest")
    assert vau(*command, digest).returncode == 0
    done = vau(*command, "00" * 32)
    assert done.returncode == 1
    assert "a digest alone does not tell" in done.stdout.splitlines()[-1]


def test_rows_of_dies_do_not_matter(folder: Path) -> None:
    verdict = replayed(folder, folder / "plain/a.jsonl", backend="muntaniala:3x1")
    assert verdict.difference is None


def test_a_copy_in_another_format_is_as_good(folder: Path) -> None:
    (folder / "copy.wav").write_bytes(encoded(noise(SAMPLES)))
    assert replayed(folder, folder / "plain/a.jsonl", "copy.wav").difference is None


# --- several utterances -------------------------------------------------------------------


def segment_of(heard: Heard, index: int) -> Segment:
    final = heard.finals[index]
    return Segment(
        utterance_index=final.utterance_index,
        segment_index=final.segment_index,
        phones=(),
        stable_count=0,
        start_sample=final.start_sample,
        end_sample=final.end_sample,
        end_reason=EndReason.END_UTTERANCE,
    )


def transcription(heard: Heard, file: Path) -> Transcription:
    """Return what a client that ends utterances would keep of a stream."""
    info, finished = muntaniala(LIVELY).info, heard.finished
    return Transcription(
        file=str(file),
        sha256="",
        samples=finished.samples,
        segments=tuple(segment_of(heard, index) for index in range(len(heard.finals))),
        posteriors=None,
        frames=finished.frames,
        energies=(),
        input_digest=finished.input_digest,
        output_digest=finished.output_digest,
        engine=Engine(
            model=LIVELY.name,
            model_digest=LIVELY.digest,
            phonemes=LIVELY.phonemes,
            silence_ids=frozenset(),
            backend=info.id,
            arithmetic_id=info.arithmetic_id,
            decoder="viterbi",
        ),
    )


def cut_up(folder: Path, cut: int) -> Transcription:
    """Return the recording as a live stream that ended two utterances at ``cut``."""
    audio = noise(SAMPLES).astype("<i2").tobytes()
    requests: list[bytes | pb.Control] = [audio[: 2 * cut], END_UTTERANCE, END_UTTERANCE]
    if rest := audio[2 * cut :]:
        requests.append(rest)
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        return transcription(hear(served.client, requests, streaming()), folder / "a.flac")


@pytest.mark.parametrize("cut", [3_001, SAMPLES])
def test_utterances_end_where_the_stream_ended_them(
    folder: Path, tmp_path: Path, cut: int
) -> None:
    write(cut_up(folder, cut), tmp_path / "a", ["jsonl"])
    assert claim_of(tmp_path / "a.jsonl", "").utterance_ends == (cut, cut)
    assert replayed(folder, tmp_path / "a.jsonl").difference is None


def test_without_its_cuts_a_stream_would_be_another(folder: Path, tmp_path: Path) -> None:
    done = cut_up(folder, 3_001)
    whole = replace(done.segments[-1], utterance_index=0, start_sample=0)
    write(replace(done, segments=(whole,)), tmp_path / "a", ["jsonl"])
    assert replayed(folder, tmp_path / "a.jsonl").difference is not None


# --- what differs -------------------------------------------------------------------------


def test_a_flipped_digest_is_told_loudly_and_ends_with_1(folder: Path, tmp_path: Path) -> None:
    transcript = changed(folder / "plain/a.jsonl", tmp_path / "a.jsonl", flip)
    done = vau("verify", folder / "a.flac", transcript, "--model", folder / "model")
    assert (done.returncode, done.stderr) == (1, "")
    _, *tiers, last = done.stdout.splitlines()
    assert all("OTHER BITS" in line for line in tiers)
    assert last.startswith("DIFFERENT OUTPUT: ")
    assert "--logits" in last
    agree = f"the {len(kernel.tiers())} tiers here agree with each other"
    assert (agree in last) == (len(kernel.tiers()) > 1)


def test_another_model_is_told_before_anything_is_computed(folder: Path) -> None:
    verdict = replayed(folder, folder / "plain/a.jsonl", model=str(folder / "other"))
    assert verdict.difference is not None
    assert verdict.difference.what == "model"
    assert "other sha256:" in verdict.difference.text
    assert "--model" in verdict.difference.text
    assert (verdict.info, verdict.replays) == (None, ())


def test_another_array_is_told_with_the_one_to_take(folder: Path) -> None:
    verdict = replayed(folder, folder / "plain/a.jsonl", backend="muntaniala:2x2")
    assert verdict.difference is not None
    assert verdict.difference.what == "arithmetic"
    assert "munt-spec-0/C1, and muntaniala:2x2 computes munt-spec-0/C2" in verdict.text()
    assert "name muntaniala:1x1 with --backend" in verdict.text()
    assert verdict.replays == ()


def test_one_changed_sample_is_another_input(folder: Path) -> None:
    samples = noise(SAMPLES)
    samples[4_000] ^= 0x1000
    (folder / "b.flac").write_bytes(encoded(samples, "FLAC"))
    verdict = replayed(folder, folder / "plain/a.jsonl", "b.flac")
    assert verdict.difference is not None
    assert verdict.difference.what == "input"
    assert "another file than the one that was transcribed" in verdict.difference.text


def test_other_samples_than_a_stream_had_are_not_called_another_file(
    folder: Path, tmp_path: Path
) -> None:
    """A stream came from no file, so its transcript cannot be of another one."""
    write(cut_up(folder, 3_001), tmp_path / "a", ["jsonl"])
    samples = noise(SAMPLES)
    samples[4_000] ^= 0x1000
    (tmp_path / "b.flac").write_bytes(encoded(samples, "FLAC"))
    difference = replayed(folder, tmp_path / "a.jsonl", str(tmp_path / "b.flac")).difference
    assert difference is not None
    assert difference.what == "input"
    assert "of a stream, not of a file; give the samples as they were sent" in difference.text
    assert "another file" not in difference.text


def test_of_the_same_file_it_is_the_decoding_that_differs(folder: Path, tmp_path: Path) -> None:
    def change(lines: list[Line]) -> None:
        flip(lines)
        lines[-1]["input_digest"] = "00" * 32

    transcript = changed(folder / "plain/a.jsonl", tmp_path / "a.jsonl", change)
    difference = replayed(folder, transcript).difference
    assert difference is not None
    assert difference.what == "input"
    assert "and the output differs, as it may" in difference.text
    assert "try its --channel" in difference.text


def test_a_recording_of_another_length_is_told_by_its_samples(folder: Path) -> None:
    (folder / "short.flac").write_bytes(encoded(noise(SAMPLES - 1), "FLAC"))
    verdict = replayed(folder, folder / "plain/a.jsonl", "short.flac")
    assert verdict.difference is not None
    assert verdict.difference.what == "audio"
    assert "heard 8000 samples at 16 kHz, and this recording has 7999" in verdict.text()


# --- where ----------------------------------------------------------------------------------


def with_logits(folder: Path, target: Path, at: tuple[int, int] | None) -> Path:
    """Copy the transcript with its npz; flip the digest, and the logit at (frame, class)."""
    with np.load(folder / "logits/a.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if at is not None:
        arrays["logits"][at] += 5
        arrays["logits"][at[0] + 1 :] += 1
    np.savez(target / "a.npz", allow_pickle=False, **arrays)
    return changed(folder / "logits/a.jsonl", target / "a.jsonl", flip)


def test_logits_beside_the_transcript_tell_the_first_frame_and_class(
    folder: Path, tmp_path: Path
) -> None:
    transcript = with_logits(folder, tmp_path, at=(17, 3))
    verdict = replayed(folder, transcript, tier="numpy")
    assert verdict.difference is not None
    place = verdict.difference.place
    assert place is not None
    assert (place.frame, place.class_id, place.symbol) == (17, 3, "IY")
    assert place.claimed == place.found + 5
    assert f"first at frame 17, class 3 (IY): {place.claimed} claimed" in verdict.text()


def test_equal_logits_beside_another_digest_blame_the_digest(
    folder: Path, tmp_path: Path
) -> None:
    verdict = replayed(folder, with_logits(folder, tmp_path, at=None))
    assert "all logits in the npz are equal" in verdict.text()


def test_the_logits_of_another_transcript_are_left_alone(folder: Path, tmp_path: Path) -> None:
    with_logits(folder, tmp_path, at=(17, 3))

    def change(lines: list[Line]) -> None:
        flip(lines)
        lines[0]["file"] = "elsewhere.flac"

    transcript = changed(folder / "logits/a.jsonl", tmp_path / "a.jsonl", change)
    assert claim_of(transcript, "").logits is None


def test_logits_of_another_shape_are_told_by_it(folder: Path, tmp_path: Path) -> None:
    transcript = with_logits(folder, tmp_path, at=None)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["logits"] = arrays["logits"][:-1]
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)
    assert (
        "the npz has the shape (48, 6), and the replay (49, 6)"
        in replayed(folder, transcript).text()
    )


@pytest.mark.parametrize("logits", [np.zeros((3, 6)), np.zeros(3, np.int32)])
def test_logits_that_are_none_are_refused(
    folder: Path, tmp_path: Path, logits: NDArray[Any]
) -> None:
    transcript = with_logits(folder, tmp_path, at=None)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files} | {"logits": logits}
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)
    with pytest.raises(ConfigInvalid, match="its logits are"):
        claim_of(transcript, "")


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"type": []}', '{"type": {}}'], ids=["deep", "list", "object"]
)
def test_lines_that_are_none_are_refused(folder: Path, tmp_path: Path, line: str) -> None:
    first, *rest = (folder / "plain/a.jsonl").read_text().splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join([first, line, *rest]))
    with pytest.raises(ConfigInvalid):
        claim_of(tmp_path / "a.jsonl", "")


def test_a_tier_that_computes_wrongly_is_told_from_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(NumpyKernel):
        def run(
            self,
            inputs: NDArray[np.int8],
            lengths: Sequence[int],
            states: States,
            rows: Sequence[int],
            lanes: kernel.Lanes | None = None,
        ) -> kernel.Answer:
            answer = super().run(inputs, lengths, states, rows, lanes)
            answer.logits[:] ^= 1
            return answer

    monkeypatch.setattr(kernel, "NumpyKernel", Wrong)
    verdict = replayed(folder, folder / "logits/a.jsonl")
    wrong = [each.tier for each in verdict.replays if each.difference is not None]
    assert wrong == ["numpy"]
    assert "first at frame 0, class 0 (SIL)" in verdict.text()
    if len(kernel.tiers()) > 1:
        assert "differ among themselves" in verdict.text()


def test_a_program_gets_all_of_it_as_json(folder: Path, tmp_path: Path) -> None:
    transcript = with_logits(folder, tmp_path, at=(17, 3))
    done = vau(
        *("verify", folder / "a.flac", transcript, "--model", folder / "model"),
        *("--tier", "numpy", "--json"),
    )
    assert (done.returncode, done.stderr) == (1, "")
    facts = json.loads(done.stdout)
    assert (facts["same"], facts["differs"]) == (False, "output")
    assert facts["backend"] == "muntaniala:1x1"
    assert facts["claimed"]["output_digest"] == summary_of(transcript)["output_digest"]
    (tier,) = facts["tiers"]
    assert (tier["tier"], tier["same"], tier["frames"]) == ("numpy", False, 49)
    assert tier["output_digest"] == summary_of(folder / "logits/a.jsonl")["output_digest"]
    place = tier["first_difference"]
    assert (place["frame"], place["class_id"], place["symbol"]) == (17, 3, "IY")


# --- what cannot be verified --------------------------------------------------------------


def test_a_transcript_without_integers_says_so(folder: Path) -> None:
    done = vau("verify", folder / "a.flac", folder / "float/a.jsonl")
    assert (done.returncode, done.stdout) == (3, "")
    assert "float computes in floating point, so it has no digest" in done.stderr


def test_a_backend_without_integers_is_refused(folder: Path) -> None:
    with pytest.raises(CapabilityMissing, match="float computes in floating point"):
        replayed(folder, edited(folder, "float32"), backend="float")


def edited(folder: Path, arithmetic_id: str) -> Path:
    """Return a transcript that claims another arithmetic."""
    return changed(
        folder / "plain/a.jsonl",
        folder / f"{arithmetic_id}.jsonl",
        lambda lines: lines[0].update(arithmetic_id=arithmetic_id),
    )


def test_a_backend_that_computes_in_another_way_since_is_told(folder: Path) -> None:
    text = replayed(folder, edited(folder, "munt-spec-1")).text()
    assert "DIFFERENT ARITHMETIC" in text
    assert "the version of Vau that made it" in text


def test_a_tier_of_a_backend_without_a_choice_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"float has no choice.*leave out --tier"):
        replayed(folder, folder / "plain/a.jsonl", backend="float", tier="numpy")


@pytest.mark.parametrize(
    ("flags", "variables", "named"),
    [
        (["--tier", "gpu"], {}, "--tier gpu"),
        ([], {"VAU_KERNEL": "gpu"}, "VAU_KERNEL=gpu"),
    ],
)
def test_a_tier_that_is_none_is_refused_with_those_there_are(
    folder: Path, flags: list[str], variables: dict[str, str], named: str
) -> None:
    command = ("verify", folder / "a.flac", folder / "plain/a.jsonl", "--model")
    done = vau(*command, folder / "model", *flags, **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert ", ".join((*kernel.tiers(), REFERENCE)) in done.stderr


def test_a_tier_that_is_forced_is_the_only_one(folder: Path) -> None:
    command = ("verify", folder / "a.flac", folder / "plain/a.jsonl", "--model")
    done = vau(*command, folder / "model", VAU_KERNEL="numpy")
    assert done.stdout.splitlines()[-1].startswith("the same bits on numpy;")


def test_the_means_of_the_transcript_go_before_those_of_this_machine(folder: Path) -> None:
    command = ("verify", folder / "a.flac", folder / "plain/a.jsonl")
    model = ("--model", folder / "model")
    assert vau(*command, *model, VAU_BACKEND="muntaniala:2x2").returncode == 0
    assert vau(*command, *model, "--backend", "muntaniala:2x2").returncode == 1
    digest = ("--digest", summary_of(folder / "plain/a.jsonl")["output_digest"])
    done = vau("verify", folder / "a.flac", *digest, *model, VAU_BACKEND="muntaniala:2x2")
    assert done.stdout.startswith("tiny on muntaniala:2x2 ")


def test_a_model_that_is_not_shipped_is_asked_for(folder: Path) -> None:
    with pytest.raises(ModelNotFound, match="name its folder with --model"):
        replayed(folder, folder / "plain/a.jsonl", model="tiny")


def truncate(lines: list[Line]) -> None:
    lines.pop()


def behead(lines: list[Line]) -> None:
    lines.pop(0)


def gap(lines: list[Line]) -> None:
    lines[1]["end_sample"] -= 1


def skip(lines: list[Line]) -> None:
    lines[1]["utterance_index"] = 1


def forget(lines: list[Line]) -> None:
    del lines[0]["arithmetic_id"]


def mistype(lines: list[Line]) -> None:
    lines[0]["model"] = "tiny"


def shorten(lines: list[Line]) -> None:
    lines[-1]["input_digest"] = "abc"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (truncate, "it ends without a summary"),
        (behead, "its first line is not the header"),
        (gap, "its segments do not lead up to its last sample, 8000"),
        (skip, "its segments do not lead up"),
        (forget, "it does not say its 'arithmetic_id'"),
        (mistype, "give a transcript as"),
        (shorten, "input_digest='abc' is no digest"),
    ],
)
def test_a_transcript_that_is_not_whole_is_refused(
    folder: Path, tmp_path: Path, change: Callable[[list[Line]], None], part: str
) -> None:
    transcript = changed(folder / "plain/a.jsonl", tmp_path / "a.jsonl", change)
    with pytest.raises(ConfigInvalid, match=part):
        claim_of(transcript, "")


@pytest.mark.parametrize("content", ["", "{", "[]\n", "\xff"])
def test_what_is_no_transcript_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigInvalid, match="give a transcript as"):
        claim_of(tmp_path / "a.jsonl", "")


@pytest.mark.parametrize("digest", ["12", "x" * 64, "0" * 66])
def test_what_is_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(ConfigInvalid, match="give the 64 hexadecimal digits"):
        claim_of(None, digest)


def test_a_transcript_or_a_digest_is_given_and_not_both(folder: Path) -> None:
    for transcript, digest in ((None, ""), (folder / "plain/a.jsonl", "00" * 32)):
        with pytest.raises(ConfigInvalid, match="or --digest alone"):
            claim_of(transcript, digest)


def test_an_npz_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    transcript = with_logits(folder, tmp_path, at=None)
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(VauError, match=r"a\.npz: cannot be read"):
        claim_of(transcript, "")
