"""A WebSocket of the live page is served by what serves gRPC: the same bits, the same ends."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.serving import Served, cut, hear, serving, speech, streaming
from tests.webs import hear_web, web_config

AUDIO = speech(24_000)
CUTS = {
    "whole": [AUDIO],
    "odd": cut(AUDIO, 1, 2, 3, 321, 10_001, 10_002, 33_333),
    "even": cut(AUDIO, *range(3200, len(AUDIO), 3200)),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(config=web_config()) as served:
        yield served


@pytest.fixture
def url(served: Served) -> str:
    return served.addresses.web


@pytest.mark.parametrize("name", CUTS)
def test_the_bits_are_those_of_grpc(served: Served, url: str, name: str) -> None:
    expected = hear(served.client, [AUDIO], streaming())
    heard, ended = hear_web(url, CUTS[name])
    assert (ended.code, ended.error) == (1000, {})
    assert heard.finished.output_digest == expected.finished.output_digest
    assert heard.finished.input_digest == expected.finished.input_digest
    assert heard.finals == expected.finals
    np.testing.assert_array_equal(heard.values(), expected.values())
