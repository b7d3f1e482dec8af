"""Write a model bundle: the directory that ``vau.model.load_model`` reads.

The same arguments give the same bytes on any machine: files are stored without
compression, in the order of their names, with a fixed date. The integers are made from the
float16 master that is stored, not from what it was rounded from, so that anybody can make
them again from the bundle. How an accelerator rounds is not known here: whoever writes a
bundle hands that in.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.frontend import FrontendConfig
from vau.model import SCHEMA, Arrays, DecoderTables, Network, load_model

Quantise = Callable[[Arrays, Network], Arrays]
"""From the float32 master to the integers of one arithmetic, all of one type, under the same
names and in the same shapes."""

EARLIEST_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
UNIX: Final = 3  # the "made by" system of a zip entry


def write_bundle(
    folder: Path,
    *,
    name: str,
    network: Network,
    frontend: FrontendConfig,
    output_delay: int,
    temperature: float,
    phonemes: Sequence[str],
    silence: Sequence[str],
    mean: NDArray[np.float32],
    inv_std: NDArray[np.float32],
    master: Mapping[str, NDArray[np.float32]],
    integers: Mapping[str, Quantise],
    decoder: DecoderTables,
    facts: Mapping[str, Any],
) -> None:
    """Write card and arrays into ``folder``, then read them back as the service will.

    silence:  the phonemes that are not spoken.
    integers: how to make those of each specification, for example of ``munt-spec-0``.
    facts:    further fields of the card: corpus, licence, error rates.
    Raises    BadModel if the bundle could not be loaded, ValueError if a fact would hide a
              field of the card or a weight is too large for float16.
    """
    rounded = {key: _to_float16(key, values) for key, values in master.items()}
    as_served = {key: values.astype(np.float32) for key, values in rounded.items()}
    quantised = {spec: make(as_served, network) for spec, make in integers.items()}
    files = {
        "statistics.npz": _npz({"mean": mean, "inv_std": inv_std}),
        "master.npz": _npz(rounded),
        **{f"{spec}.npz": _npz(arrays) for spec, arrays in quantised.items()},
        "decoder.npz": _npz(
            {"log_trigram": decoder.log_trigram, "log_prior": decoder.log_prior}
        ),
    }
    card = {
        "schema": SCHEMA,
        "name": name,
        "network": asdict(network),
        "frontend": asdict(frontend),
        "output_delay": output_delay,
        "temperature": temperature,
        "phonemes": list(phonemes),
        "silence": list(silence),
        "decoder": {
            "min_frames": decoder.min_frames,
            "look_back_frames": decoder.look_back_frames,
            "prior_weight": decoder.prior_weight,
            "language_weight": decoder.language_weight,
            "insertion_bonus": decoder.insertion_bonus,
        },
        "integers": {
            spec: str(next(iter(arrays.values())).dtype) for spec, arrays in quantised.items()
        },
        "sha256": {
            file: hashlib.sha256(content).hexdigest() for file, content in files.items()
        },
    }
    if hidden := card.keys() & facts.keys():
        raise ValueError(f"facts would hide fields of the card: {sorted(hidden)}")
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    text = json.dumps(card | dict(facts), indent=2, ensure_ascii=False) + "\n"
    (folder / "card.json").write_bytes(text.encode())
    load_model(folder)


def _to_float16(name: str, values: NDArray[np.float32]) -> NDArray[np.float16]:
    limit = float(np.finfo(np.float16).max)
    if not (np.abs(values) <= limit).all():
        raise ValueError(f"{name} holds a value that is not a number or beyond {limit:.0f}")
    return values.astype(np.float16)


def _npz(arrays: Arrays) -> bytes:
    """Pack arrays as ``numpy.savez`` does, with nothing in it that depends on the day."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", EARLIEST_ZIP_DATE)
            entry.create_system = UNIX
            array = io.BytesIO()
            np.lib.format.write_array(
                array, np.ascontiguousarray(arrays[name]), allow_pickle=False
            )
            archive.writestr(entry, array.getvalue())
    return packed.getvalue()
