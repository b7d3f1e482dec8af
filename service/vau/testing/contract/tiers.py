"""Promises of ``tier`` and ``tiers``: several ways to compute, one result."""

import pytest

from vau.backend import Backend
from vau.errors import ConfigInvalid
from vau.testing.contract.frames import assert_same_bits, run, some_frames
from vau.testing.contract.promise import granted, promised, refused
from vau.testing.contract.subject import Opener, Subject


class Tiers(Subject):
    """What computes it on this machine changes no bit."""

    @promised("BackendInfo.tiers", "first what is taken unasked")
    def test_what_computes_it_is_one_of_its_tiers_or_has_no_name(
        self, backend: Backend
    ) -> None:
        assert backend.info.tier in (backend.info.tiers or ("",))

    @promised("BackendInfo.tier", "None of them changes a bit.")
    @promised("BackendInfo.tiers", "each may be asked for by ``BackendOptions.tier``")
    def test_every_tier_is_granted_and_gives_the_same_bits(self, open_backend: Opener) -> None:
        backend = open_backend()
        frames, tiers = some_frames(backend, 40), backend.info.tiers
        expected = run(backend, backend.open(), frames)
        backend.close()
        for tier in tiers:
            with granted(f"opening tier {tier}"):
                other = open_backend(tier=tier)
            assert other.info.tier == tier
            assert_same_bits(run(other, other.open(), frames), expected)
            other.close()

    @promised("BackendFactory.open", "ConfigInvalid if ``options.tier`` names none of several")
    def test_a_tier_that_is_not_there_is_refused(self, open_backend: Opener) -> None:
        backend = open_backend()
        backend.close()
        if not backend.info.tiers:
            pytest.skip("there is no choice of tiers")
        with refused(ConfigInvalid, "nonsense"):
            open_backend(tier="nonsense")
