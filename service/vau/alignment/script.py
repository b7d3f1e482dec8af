"""What is said in a recording, as it was given: words with their pronunciations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vau.errors import ConfigInvalid
from vau.evaluation.manifest import Inventory
from vau.manifest import listed

Pronunciation: TypeAlias = tuple[int, ...]
"""Class ids, at least one."""


@dataclass(frozen=True, slots=True)
class Said:
    """One word, or a phone of which nobody said what word it belongs to."""

    pronunciations: tuple[Pronunciation, ...]
    """At least one; the audio chooses."""

    word: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """All that is said, in its order. There may be silence before, between and behind."""

    said: tuple[Said, ...]


def phones_script(text: str, inventory: Inventory) -> Script:
    """Return what is said of phones that stand in their order, with spaces between.

    Raises ConfigInvalid for a phone that the model does not know, and if there is none.
    """
    ids = ids_of(text.split(), inventory)
    if not ids:
        raise ConfigInvalid("there is no phone; write what is said", field="phones")
    return Script(tuple(Said(((class_id,),)) for class_id in ids))


def ids_of(phones: Sequence[str], inventory: Inventory) -> Pronunciation:
    """Return the class ids of phones; a stress digit may be more than the model knows.

    Raises ConfigInvalid for those that it does not know.
    """
    folded = [inventory.fold(phone) for phone in phones]
    unknown = sorted(set(folded) - set(inventory.phonemes))
    if unknown:
        raise ConfigInvalid(
            f"the model does not know {listed(unknown)}; it knows "
            f"{' '.join(inventory.phonemes)}",
            field="phones",
        )
    return tuple(inventory.phonemes.index(phone) for phone in folded)


def is_phones(text: str, inventory: Inventory) -> bool:
    """Tell whether a text is phones: every token is one of the model's, in upper case."""
    tokens = text.split()
    known = {*inventory.phonemes}
    return bool(tokens) and all(
        token == token.upper() and inventory.fold(token) in known for token in tokens
    )
