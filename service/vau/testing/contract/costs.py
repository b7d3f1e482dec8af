"""Promises of ``Cost``: what frames are said to cost, alone and in company."""

from collections.abc import Iterable
from functools import reduce
from math import isfinite
from operator import add
from typing import Final, get_args

import pytest

from vau.backend import Backend, Boundary, Cost, Origin, Work
from vau.model import Model
from vau.testing.contract.frames import Features, run, some_frames
from vau.testing.contract.promise import promised
from vau.testing.contract.subject import Subject

RELATIVE: Final = 1e-6
"""How far sums of energies may lie apart that are equal but for their rounding."""

APART: Final = "Unlike the rest of a cost it depends neither on batch mates nor on cuts"


class Costs(Subject):
    """The price of an answer."""

    @promised("Cost.unshared", APART)
    @promised("Cost.unshared", "None where sharing a call changes nothing")
    def test_a_cut_does_not_change_what_the_frames_cost_one_by_one(
        self, backend: Backend
    ) -> None:
        frames = some_frames(backend)
        whole, cut_up = backend.open(), backend.open()
        total = run(backend, whole, frames).cost
        parts = [run(backend, cut_up, part).cost for part in (frames[:6], frames[6:])]
        _assert_same_cost((part.apart for part in parts), total.apart)
        counts = zip(*[part.saturations for part in parts], strict=True)
        assert tuple(map(sum, counts)) == total.saturations

    @promised("Cost.unshared", APART)
    @promised("Cost.unshared", "None where sharing a call changes nothing")
    def test_mates_do_not_change_what_the_frames_cost_one_by_one(
        self, backend: Backend
    ) -> None:
        frames = some_frames(backend)
        alone = run(backend, backend.open(), frames).cost
        shared = _run_with_mates(backend, frames)[1]
        _assert_same_cost([shared.apart], alone.apart)
        assert shared.saturations == alone.saturations

    @promised("Cost.unshared", "Energies and bytes are never more than one by one.")
    def test_to_share_a_call_never_costs_more_energy_or_memory_bytes(
        self, backend: Backend
    ) -> None:
        frames = some_frames(backend)
        for cost in _run_with_mates(backend, frames):
            alone = _joules(cost.apart)
            for boundary, joules in _joules(cost).items():
                assert joules <= alone[boundary] * (1 + RELATIVE), boundary
            assert (cost.memory_bytes or 0) <= (cost.apart.memory_bytes or 0)

    @promised("Cost", "What nobody measured or modelled is absent (None or empty), never zero.")
    def test_what_frames_cost_is_a_positive_number_or_absent(self, backend: Backend) -> None:
        cost = run(backend, backend.open(), some_frames(backend)).cost
        for each in (cost, cost.apart):
            assert each.cycles is None or each.cycles > 0
            assert each.device_s is None or 0 < each.device_s < float("inf")
            # Weights may stay inside, so that nothing is read.
            assert each.memory_bytes is None or each.memory_bytes >= 0
            for energy in each.energies:
                assert energy.joules > 0, energy.boundary
                assert isfinite(energy.joules), energy.boundary

    @promised("Energy.parts", "(component, joules), summing to ``joules``; empty if not known.")
    def test_the_parts_of_an_energy_sum_to_it(self, backend: Backend) -> None:
        cost = run(backend, backend.open(), some_frames(backend)).cost
        for energy in (*cost.energies, *cost.apart.energies):
            if energy.parts:
                total = sum(joules for _, joules in energy.parts)
                assert total == pytest.approx(energy.joules, rel=RELATIVE), energy.boundary
            names = [name for name, _ in energy.parts]
            assert len(names) == len(set(names)), energy.boundary

    @promised("Energy", "What the accelerator spent, without the host, and how that is known.")
    def test_an_energy_says_how_it_is_known(self, backend: Backend) -> None:
        cost = run(backend, backend.open(), some_frames(backend)).cost
        for energy in (*cost.energies, *cost.apart.energies):
            assert energy.origin in get_args(Origin)
            assert energy.boundary in get_args(Boundary)
            assert energy.method

    @promised("Origin", "Computed by a model, or read from an instrument or counter.")
    def test_nothing_is_measured_by_what_has_no_instrument(self, backend: Backend) -> None:
        if backend.info.measures_energy:
            pytest.skip("has one")
        cost = run(backend, backend.open(), some_frames(backend)).cost
        origins = {cost.device_origin} if cost.device_s is not None else set()
        assert origins | {energy.origin for energy in cost.energies} <= {"estimated"}

    @promised("Cost.energies", "At most one per origin and boundary")
    def test_each_boundary_is_named_at_most_once_per_origin(self, backend: Backend) -> None:
        cost = run(backend, backend.open(), some_frames(backend)).cost
        for each in (cost, cost.apart):
            keys = [(energy.origin, energy.boundary) for energy in each.energies]
            assert len(keys) == len(set(keys))

    @promised("Cost.energies", "the one that counts, the widest, comes first")
    def test_the_widest_boundary_comes_first(self, backend: Backend) -> None:
        cost = run(backend, backend.open(), some_frames(backend)).cost
        for each in (cost, cost.apart):
            widths = [get_args(Boundary).index(energy.boundary) for energy in each.energies]
            assert widths[:1] == sorted(widths, reverse=True)[:1]

    @promised("Cost.saturations", "Per layer: how often a clamp changed a value.")
    def test_clamps_are_counted_for_each_layer_or_for_none(
        self, backend: Backend, model: Model
    ) -> None:
        counts = run(backend, backend.open(), some_frames(backend)).cost.saturations
        assert len(counts) in {0, model.network.layers}
        assert all(count >= 0 for count in counts)


def _run_with_mates(backend: Backend, frames: Features) -> list[Cost]:
    """Run frames between two mates, one longer and one shorter; return all costs, in order."""
    longer, shorter = some_frames(backend, 31, 5), some_frames(backend, 1, 6)
    calls = [Work(backend.open(), features) for features in (longer, frames, shorter)]
    return [result.cost for result in backend.run(calls)]


def _joules(cost: Cost) -> dict[Boundary, float]:
    """Return what a model gives, by boundary: no instrument reads the same twice."""
    estimated = [energy for energy in cost.energies if energy.origin == "estimated"]
    return {energy.boundary: energy.joules for energy in estimated}


def _assert_same_cost(parts: Iterable[Cost], expected: Cost) -> None:
    """Compare a sum of costs with another: what is counted exactly, what is not nearly."""
    found = reduce(add, parts)
    assert found.cycles == expected.cycles
    assert found.memory_bytes == expected.memory_bytes
    assert (found.device_s is None) == (expected.device_s is None)
    if expected.device_s is not None and expected.device_origin == "estimated":
        assert found.device_s == pytest.approx(expected.device_s, rel=RELATIVE)
    assert _joules(found) == pytest.approx(_joules(expected), rel=RELATIVE)
