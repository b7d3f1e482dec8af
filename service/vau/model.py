"""The model bundle: one directory that holds all that a network needs to be served.

    card.json        what it is, how it was made and measured, SHA-256 of each other file
    statistics.npz   mean, inv_std: float32 (feature_dim,)
    master.npz       the float network, stored as float16: layer weights and output layer
    <spec>.npz       the integers of one arithmetic, e.g. munt-spec-0.npz, made from the master
    decoder.npz      float16: log_trigram (phonemes, phonemes, phonemes), log_prior (phonemes,)

Weights of layer n are ``w_x_n`` (4 * hidden, inputs), ``w_h_n`` (4 * hidden, hidden) and
``b_n`` (4 * hidden,), the gates in the order i, f, g, o, and with peepholes ``p_n``
(3 * hidden,) in the order i, f, o; the output layer is ``w_out`` (phonemes, hidden) and
``b_out``. No file holds pickled objects. A bundle is loaded and validated once; the backend's
factory and the decoder get it whole.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import BadModel, ModelNotFound
from vau.frontend import LOOK_AHEAD_FRAMES, FrontendConfig
from vau.npz import read_npz

SCHEMA: Final = "vau.model/2"
MOST_LAYERS: Final = 1_000
"""More is a card gone wrong, and naming the weights of all of them would take forever."""

MOST_FRAMES: Final = 1_000
"""Ten seconds, for a delay or a look back: a stream keeps so much for each."""

SHIPPED: Final = Path(str(files("vau"))) / "models"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The shape of a uni-directional LSTM with one output layer."""

    layers: int
    hidden: int
    inputs: int
    classes: int
    peephole: bool = False
    """Whether the gates i, f and o see c as well."""

    def __post_init__(self) -> None:
        sizes = asdict(self)
        peephole = sizes.pop("peephole")
        for name, value in sizes.items():
            if type(value) is not int or value < 1:  # True is an int as well
                raise ValueError(f"network.{name}={value!r} is not a positive whole number")
        if peephole is not True and peephole is not False:
            raise ValueError(f"network.peephole={peephole!r} is neither true nor false")

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its name in a bundle."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.layers):
            inputs = self.inputs if layer == 0 else self.hidden
            shapes[f"w_x_{layer}"] = (4 * self.hidden, inputs)
            shapes[f"w_h_{layer}"] = (4 * self.hidden, self.hidden)
            shapes[f"b_{layer}"] = (4 * self.hidden,)
            if self.peephole:
                shapes[f"p_{layer}"] = (3 * self.hidden,)
        shapes["w_out"] = (self.classes, self.hidden)
        shapes["b_out"] = (self.classes,)
        return shapes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecoderTables:
    """What the decoder knows of the language and was tuned to; see ``vau.decode``."""

    log_trigram: NDArray[np.float16]
    """ln P(next | the one before, present); axes: the one before, present, next."""

    log_prior: NDArray[np.float16]
    """ln P(phoneme) over training frames, shape (phonemes,)."""

    min_frames: int
    look_back_frames: int
    """A run of the best hypothesis that ended so long ago is settled."""

    prior_weight: float
    language_weight: float
    insertion_bonus: float
    follow: NDArray[np.float64] = field(init=False, repr=False)
    """What a hypothesis gains by going on, weighted; axes: present, the one before, next."""

    def __post_init__(self) -> None:
        for name in ("min_frames", "look_back_frames"):
            if not 1 <= getattr(self, name) <= MOST_FRAMES:
                raise ValueError(
                    f"decoder.{name}={getattr(self, name)} is outside 1..{MOST_FRAMES}"
                )
        for name in ("prior_weight", "language_weight", "insertion_bonus"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"decoder.{name}={getattr(self, name)} is not finite")
        log_trigram = self.log_trigram.astype(np.float64)
        follow = self.language_weight * log_trigram.transpose(1, 0, 2) + self.insertion_bonus
        object.__setattr__(self, "follow", np.ascontiguousarray(follow))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A validated bundle."""

    name: str
    digest: str
    """``sha256:`` and the hex digest of card.json, which names the digests of the rest."""

    network: Network
    frontend: FrontendConfig
    output_delay: int
    """Frame i is answered at step i + output_delay."""

    temperature: float
    """Logits are divided by it before the softmax."""

    phonemes: tuple[str, ...]
    """The index is the class id."""

    silence_ids: tuple[int, ...]
    mean: NDArray[np.float32]
    inv_std: NDArray[np.float32]
    """Statistics of the features, shape (feature_dim,), applied by the backend."""

    master: Arrays
    """float32, by the names of ``Network.weight_shapes``."""

    integers: Mapping[str, Arrays]
    """By specification, e.g. ``munt-spec-0``; the same names and shapes."""

    decoder: DecoderTables
    card: Mapping[str, Any]
    """All of card.json: corpus, licence, measured error rates."""

    @property
    def look_ahead_frames(self) -> int:
        """Frames that must follow a frame before it can be answered."""
        return LOOK_AHEAD_FRAMES + self.output_delay


def shipped_models() -> list[str]:
    """Return the names of the bundles that came with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/card.json"))


def find_model(name_or_path: str) -> Model:
    """Load a shipped model by name, or any bundle by its directory.

    Raises ModelNotFound if it is neither, BadModel if the bundle is damaged.
    """
    for folder in (SHIPPED / name_or_path, Path(name_or_path)):
        if (folder / "card.json").is_file():
            return load_model(folder)
    available = ", ".join(shipped_models())
    raise ModelNotFound(
        f"model: {name_or_path!r} is neither a shipped model ({available}) "
        "nor a directory with a card.json",
        field="model",
        available=available,
    )


def load_model(folder: Path) -> Model:
    """Read and validate a bundle.

    Raises BadModel, naming file, value and remedy, if anything is missing, damaged,
    of the wrong shape or type, or not a number.
    """
    try:
        card_bytes = (folder / "card.json").read_bytes()
        card = json.loads(card_bytes)
    except (OSError, ValueError, RecursionError) as cause:
        raise BadModel(
            f"{folder / 'card.json'}: {cause}; export the model again", field="card.json"
        ) from cause
    try:
        return _from_card(folder, card, "sha256:" + hashlib.sha256(card_bytes).hexdigest())
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as cause:
        raise BadModel(
            f"{folder / 'card.json'}: {type(cause).__name__}: {cause}; "
            f"a card of schema {SCHEMA} is needed",
            field="card.json",
        ) from cause


def _from_card(folder: Path, card: Mapping[str, Any], digest: str) -> Model:
    if card["schema"] != SCHEMA:
        raise ValueError(f"schema is {card['schema']!r}, not {SCHEMA!r}")
    network, frontend = Network(**card["network"]), FrontendConfig(**card["frontend"])
    if network.layers > MOST_LAYERS:
        raise ValueError(f"network.layers={network.layers} is more than {MOST_LAYERS}")
    phonemes = tuple(card["phonemes"])
    if frontend.feature_dim != network.inputs:
        raise ValueError(
            f"network.inputs={network.inputs}, but the front end gives {frontend.feature_dim}"
        )
    if len(phonemes) != network.classes or len(set(phonemes)) != len(phonemes):
        raise ValueError(f"{len(phonemes)} phonemes for {network.classes} classes, or repeated")
    output_delay, temperature = int(card["output_delay"]), float(card["temperature"])
    if not 0 <= output_delay <= MOST_FRAMES or not 0.0 < temperature < math.inf:
        raise ValueError(
            f"output_delay={output_delay} must be 0 to {MOST_FRAMES}, "
            f"temperature={temperature} positive and finite"
        )
    reader = _BundleReader(folder, card["sha256"])
    master = reader.arrays("master.npz", network.weight_shapes(), "float16")
    mean, inv_std = reader.statistics(network.inputs)
    return Model(
        name=str(card["name"]),
        digest=digest,
        network=network,
        frontend=frontend,
        output_delay=output_delay,
        temperature=temperature,
        phonemes=phonemes,
        silence_ids=tuple(phonemes.index(name) for name in card["silence"]),
        mean=mean,
        inv_std=inv_std,
        master={name: values.astype(np.float32) for name, values in master.items()},
        integers={
            spec: reader.arrays(f"{spec}.npz", network.weight_shapes(), str(dtype))
            for spec, dtype in card["integers"].items()
        },
        decoder=reader.decoder(network.classes, card["decoder"]),
        card=card,
    )


@dataclass(frozen=True, slots=True)
class _BundleReader:
    folder: Path
    sha256: Mapping[str, str]

    def statistics(self, inputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read mean and inverse deviation of the features."""
        file = "statistics.npz"
        read = self.arrays(file, {"mean": (inputs,), "inv_std": (inputs,)}, "float32")
        if not (read["inv_std"] > 0).all():
            raise self._bad(file, "inv_std holds a value that is not positive")
        return read["mean"], read["inv_std"]

    def decoder(self, classes: int, weights: Mapping[str, Any]) -> DecoderTables:
        """Read the tables, and put the card's weights beside them."""
        shapes = {"log_trigram": (classes,) * 3, "log_prior": (classes,)}
        tables = self.arrays("decoder.npz", shapes, "float16")
        return DecoderTables(
            log_trigram=tables["log_trigram"],
            log_prior=tables["log_prior"],
            min_frames=int(weights["min_frames"]),
            look_back_frames=int(weights["look_back_frames"]),
            prior_weight=float(weights["prior_weight"]),
            language_weight=float(weights["language_weight"]),
            insertion_bonus=float(weights["insertion_bonus"]),
        )

    def arrays(
        self, file: str, shapes: Mapping[str, tuple[int, ...]], dtype: str
    ) -> dict[str, NDArray[Any]]:
        """Read one file against its digest, and each array against shape and type."""
        content = self._verified(file)
        try:
            arrays = read_npz(content)
        except ValueError as cause:
            raise BadModel(f"{self.folder / file}: {cause}", field=file) from cause
        if arrays.keys() != shapes.keys():
            raise self._bad(file, f"holds {sorted(arrays)}, not {sorted(shapes)}")
        for name, values in arrays.items():
            if values.shape != shapes[name] or values.dtype != np.dtype(dtype):
                raise self._bad(
                    file,
                    f"{name} is {values.dtype} {values.shape}, not {dtype} {shapes[name]}",
                )
            if not np.isfinite(values).all():
                raise self._bad(file, f"{name} holds a value that is not finite")
        return arrays

    def _verified(self, file: str) -> bytes:
        try:
            content = (self.folder / file).read_bytes()
        except OSError as cause:
            raise BadModel(f"{self.folder / file}: {cause.strerror}", field=file) from cause
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256.get(file):
            raise self._bad(file, f"SHA-256 is {found}, the card says {self.sha256.get(file)}")
        return content

    def _bad(self, file: str, what: str) -> BadModel:
        return BadModel(
            f"{self.folder / file}: {what}; install or export the model again", field=file
        )
