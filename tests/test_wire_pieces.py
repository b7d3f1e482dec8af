"""Long messages are computed a piece at a time, and answered as if they were not."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.serving import (
    END_UTTERANCE,
    MODEL,
    Held,
    audio_format,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.backend import Result, Work
from vau.v1 import speech_pb2 as pb

AUDIO = speech(32_000)
FLOATS = (np.frombuffer(AUDIO, "<i2") / 32_768).astype("<f4").tobytes()


class Counting(Held):
    """A real backend that remembers the most frames it got at once."""

    most = 0

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.most = max(self.most, *(len(each.features) for each in work))
        return self.backend.run(work)


@pytest.mark.parametrize("wants", ["a stream", "floats", "a call"])
def test_no_round_is_longer_than_a_piece(wants: str) -> None:
    counting = Counting(muntaniala())
    with serving((MODEL, counting)) as served:  # type: ignore[arg-type]
        counting.most = 0  # the check before serving is no audio of a client
        if wants == "a call":
            served.client.recognize(recognition(), AUDIO)
        elif wants == "floats":
            config = streaming(audio=audio_format(pb.AudioFormat.ENCODING_FLOAT32))
            hear(served.client, [FLOATS[:64_000], FLOATS[64_000:]], config)
        else:
            hear(served.client, [AUDIO], streaming())
    # 0.2 s, the frame that they complete, and at the end the padded ones and the output delay.
    assert 0 < counting.most <= 20 + 8


def test_a_message_of_many_pieces_has_one_answer_with_the_numbers_of_short_ones() -> None:
    short = [AUDIO[at : at + 640] for at in range(0, len(AUDIO), 640)]
    with serving() as served:
        config = streaming(interim_results=True)
        pieced = hear(served.client, [AUDIO, END_UTTERANCE, AUDIO[:1998]], config)
        whole = hear(served.client, [*short, END_UTTERANCE, AUDIO[:1998]], config)
    np.testing.assert_array_equal(pieced.values(0), whole.values(0))
    np.testing.assert_array_equal(pieced.values(1), whole.values(1))
    assert pieced.finals == whole.finals
    assert pieced.finished.output_digest == whole.finished.output_digest
    assert pieced.finished.input_digest == whole.finished.input_digest
    first = pieced.responses[1]
    assert first.answered_sample == 160 * first.posteriors.frame_count
    assert first.posteriors.first_frame == 0
    assert sum(not result.is_final for result in first.results) == 1
    interims = [
        result for r in whole.responses for result in r.results if not result.utterance_index
    ]
    assert first.results[0] == interims[-2]  # before the final
    one = next(response for response in whole.responses if response.energy)
    assert len(first.energy) == len(one.energy)
    spent_j = sum(response.energy[0].joules for response in pieced.responses if response.energy)
    assert spent_j == pytest.approx(pieced.finished.energy[0].joules)
    assert first.timing.device_cycles > one.timing.device_cycles
