"""Promises of ``run`` and ``Result``: what the answer to some frames is made of."""

from dataclasses import replace

import numpy as np
import pytest

from vau.backend import Backend, Result, Work
from vau.model import Model
from vau.testing.contract.frames import (
    assert_other_answer,
    assert_same_bits,
    joined,
    run,
    some_frames,
)
from vau.testing.contract.promise import granted, promised
from vau.testing.contract.subject import Opener, Subject


class Answers(Subject):
    """What a backend answers."""

    @promised("Backend.run", "one result per work, in order")
    def test_run_answers_each_work_by_a_result(self, backend: Backend) -> None:
        work = [Work(backend.open(), some_frames(backend)) for _ in range(2)]
        with granted("run, of two works,"):
            results = backend.run(work)
        assert isinstance(results, list), f"it returns {type(results).__name__}, no list"
        kinds = [type(result).__name__ for result in results]
        assert kinds == [Result.__name__] * 2, f"it returns a list of {kinds}"

    @promised("Result.log_prob", "Log posteriors (natural), shape (frames, phonemes).")
    def test_each_frame_gets_a_distribution_over_the_phonemes(
        self, backend: Backend, model: Model
    ) -> None:
        frames = some_frames(backend)
        log_prob = run(backend, backend.open(), frames).log_prob
        assert log_prob.dtype == np.float32
        assert log_prob.shape == (len(frames), model.network.classes)
        totals = np.exp(log_prob.astype(np.float64)).sum(axis=1)
        worst = int(np.abs(totals - 1).argmax())
        off = abs(totals[worst] - 1)
        # Each term is rounded to float32.
        assert off <= 1e-6, f"the posteriors of frame {worst} sum to {totals[worst]}, not to 1"

    @promised("Work.features", "To normalise and to quantise them is the backend's part.")
    def test_features_are_normalised_by_the_statistics_of_the_model(
        self, open_backend: Opener, model: Model
    ) -> None:
        backend = open_backend()
        frames = some_frames(backend)
        answer = run(backend, backend.open(), frames)
        backend.close()
        other = open_backend(replace(model, mean=model.mean + np.float32(1)))
        found = run(other, other.open(), frames)
        assert_other_answer(found, answer, "the mean of the features is another")

    @promised("Result.logits", "None from a backend that computes in floating point.")
    @promised("BackendInfo.bit_exact", "True for an integer datapath")
    def test_raw_logits_come_from_an_integer_datapath_and_from_no_other(
        self, backend: Backend
    ) -> None:
        result = run(backend, backend.open(), some_frames(backend))
        assert (result.logits is not None) == backend.info.bit_exact
        assert (result.inputs is not None) == backend.info.bit_exact
        assert (backend.info.logit_fraction_bits is not None) == backend.info.bit_exact

    @promised("BackendInfo.logit_fraction_bits", "Raw logit * 2**-fraction_bits is its value")
    def test_log_posteriors_are_the_softmax_of_the_logits(
        self, backend: Backend, model: Model
    ) -> None:
        result = run(backend, backend.open(), some_frames(backend))
        if result.logits is None or backend.info.logit_fraction_bits is None:
            pytest.skip("no integer logits")
        assert result.logits.dtype == np.int32
        value = result.logits * 2.0**-backend.info.logit_fraction_bits / model.temperature
        expected = value - np.log(np.exp(value).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(result.log_prob, expected, atol=1e-6)  # float32

    @promised("Result.inputs", "The quantised features the accelerator saw")
    def test_the_quantised_inputs_are_one_row_of_integers_per_frame(
        self, backend: Backend
    ) -> None:
        frames = some_frames(backend)
        inputs = run(backend, backend.open(), frames).inputs
        assert inputs is None or inputs.shape == frames.shape
        assert inputs is None or np.issubdtype(inputs.dtype, np.integer)

    @promised("Work.features", "frames may be 0")
    def test_no_frames_are_answered_by_no_rows_and_cost_nothing(
        self, backend: Backend, model: Model
    ) -> None:
        slot, frames = backend.open(), some_frames(backend)
        expected = run(backend, backend.open(), frames)
        with granted("run, of no frames,"):
            result = run(backend, slot, frames[:0])
        assert result.log_prob.shape == (0, model.network.classes)
        for cost in (result.cost, result.cost.apart):
            assert not cost.cycles
            assert not cost.device_s
            assert not cost.memory_bytes
            assert not any(energy.joules for energy in cost.energies)
        assert_same_bits(run(backend, slot, frames), expected)

    @promised("Backend.run", "one result per work, in order")
    def test_no_work_is_answered_by_no_results(self, backend: Backend) -> None:
        with granted("run, of no work,"):
            results = backend.run([])
        assert results == []

    @promised("Backend.run", "one result per work, in order")
    def test_results_come_in_the_order_of_the_work(self, backend: Backend) -> None:
        counts = [3, 0, 7, 5]
        work = [Work(backend.open(), some_frames(backend, count, count)) for count in counts]
        assert [len(result.log_prob) for result in backend.run(work)] == counts

    @promised("Work.features", "They are the caller's, and only to be read.")
    def test_the_features_are_left_as_they_were(self, backend: Backend) -> None:
        frames = some_frames(backend)
        run(backend, backend.open(), frames.copy())
        frames.flags.writeable = False
        before = frames.copy()
        with granted("run, of features that are only to be read,"):
            run(backend, backend.open(), frames)
        np.testing.assert_array_equal(frames, before)

    @promised("Result", "It is the caller's to keep: no later call changes it.")
    def test_a_result_outlives_the_calls_that_follow(self, backend: Backend) -> None:
        slot, frames = backend.open(), some_frames(backend)
        result = run(backend, slot, frames)
        kept = joined([result, result])
        run(backend, slot, -frames)
        assert_same_bits(joined([result, result]), kept)
