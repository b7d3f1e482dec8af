"""An archive as one would hear it with torch: a peer of ``./run bench batch``.

    python -m tests.bench._batch_torch LIST OUT --jobs 2 --threads 1 [--without-mkldnn]

python-speech-features of each file, then ``nn.LSTM`` and ``Linear`` in float32 with the
shipped network's weights over padded batches of files of like length; then the best phoneme
of each frame, repeats and silence left out. No search, no times, no confidences, no digests
and no energies, which is all in its favour. OUT has ``phones`` and ``best``, the class of each
frame.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench._library_features import features_of_whole
from tests.bench._peer_process import Said, hear_all, peer_arguments
from tests.bench._torch_network import TorchNetwork
from vau.audiofile import read_recording
from vau.model import Model, find_model
from vau_backends.host import normalise

MODEL: Final = "munt-3x384"
BATCH_FILES: Final = 32


class Listener:
    """The network of a model."""

    def __init__(self, model: Model) -> None:
        """Load it."""
        self._model, self._network = model, TorchNetwork(model)

    def hear(self, files: Sequence[str]) -> list[Said]:
        """Hear one batch."""
        steps = [self._steps(Path(file)) for file in files]
        padded = np.zeros((max(map(len, steps)), len(steps), steps[0].shape[1]), np.float32)
        for at, rows in enumerate(steps):
            padded[: len(rows), at] = rows
        shape = self._model.network
        zero = torch.zeros(shape.layers, len(steps), shape.hidden)
        with torch.inference_mode():
            logits, _ = self._network(torch.from_numpy(padded), (zero, zero))
            best = logits.argmax(-1).numpy()
        silent = self._model.output_delay
        return [self._said(best[silent : len(rows), at]) for at, rows in enumerate(steps)]

    def _steps(self, file: Path) -> NDArray[np.float32]:
        """Return what the network hears, the last frame again for each of its delay."""
        rows = features_of_whole(read_recording(file).samples).astype(np.float32)
        rows = np.concatenate([rows, *[rows[-1:]] * self._model.output_delay])
        return normalise(rows, self._model)

    def _said(self, best: NDArray[np.int64]) -> Said:
        names, silences = self._model.phonemes, self._model.silence_ids
        runs = [each for each, _ in groupby(best.tolist())]
        phones = [names[each] for each in runs if each not in silences]
        return {"phones": phones, "best": best.tolist()}


def main() -> None:
    """Hear a list of files."""
    parser = peer_arguments("_batch_torch")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--without-mkldnn", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.backends.mkldnn.set_flags(not asked.without_mkldnn)
    listener = Listener(find_model(MODEL))
    hear_all(listener.hear, asked.list, asked.out, jobs=asked.jobs, batch_files=BATCH_FILES)


if __name__ == "__main__":
    main()
