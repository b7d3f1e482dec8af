"""A corpus, and what the card of a model says of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.corpus import CARD, DIGEST, BadCorpus, manifest_digest

SHIPPED_CARD: Final = Path(__file__).with_name("librispeech.json")
"""Of the corpus that the shipped models were trained on."""


@dataclass(frozen=True, slots=True)
class Source:
    """A corpus, and what a model's card says of it."""

    folder: Path
    facts: Mapping[str, str]


def read_source(corpus: Path, card: Path | None) -> Source:
    """Put a corpus and its card together: the one given, its own, or the shipped one.

    A corpus that none of them describes is known by the name of its folder.
    Raises BadCorpus if a card cannot be read, or is that of another corpus.
    """
    found = manifest_digest(corpus)
    if card is None and (corpus / CARD).exists():
        card = corpus / CARD
    if card is not None:
        return Source(corpus, _facts(card, corpus, found))
    shipped: dict[str, str] = json.loads(SHIPPED_CARD.read_text(encoding="utf-8"))
    unknown = {"name": corpus.resolve().name, DIGEST: found}
    return Source(corpus, shipped if shipped[DIGEST] == found else unknown)


def _facts(card: Path, corpus: Path, found: str) -> dict[str, str]:
    try:
        facts = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise BadCorpus(f"{card}: cannot be read as JSON: {cause}") from cause
    described = facts.get(DIGEST) if isinstance(facts, dict) else None
    if described != found:
        raise BadCorpus(
            f"{card}: describes a corpus with {DIGEST} {described or 'unsaid'}, but that of "
            f"{corpus} is {found}: correct the card, or give --corpus-card, a JSON of the "
            "same fields"
        )
    return dict(facts)
