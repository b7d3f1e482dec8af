"""How well a network hears a manifest: quantised, in float, and beside other recognisers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from vau.batch import Choice
from vau.client import Client
from vau.client.access import PLAIN, Access
from vau.client.recognition import Request
from vau.decode import DecoderName
from vau.errors import ConfigInvalid
from vau.evaluation.condition import CLEAN, MATRIX, Condition
from vau.evaluation.listening import (
    Hearing,
    choice_of,
    hear_here,
    hear_on_server,
    hear_with_peer,
    inventory_of,
    offer,
)
from vau.evaluation.manifest import Inventory, Utterance, read_manifest
from vau.evaluation.page import write_page
from vau.evaluation.peers import check_peer
from vau.evaluation.plots import draw
from vau.evaluation.report import Evaluation
from vau.evaluation.scores import FLOAT, Heard, is_float, scores
from vau.model import find_model
from vau.pictures import new_figure
from vau.processes import spread

UTTERANCES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatePlan:
    """What to evaluate, and by what means."""

    manifest: Path
    split: str = ""
    limit: int | None = None
    """No more than so many utterances, the first ones."""

    model: str
    backend: str
    server: str = ""
    """``host:port``; empty computes here, and then model and backend are needed."""

    access: Access = PLAIN
    """What that server wants: TLS, a token."""

    jobs: int = 1
    """Processes here, or streams at a time on the server."""

    decoder: DecoderName = "viterbi"
    conditions: tuple[Condition, ...] = (CLEAN,)
    peers: tuple[str, ...] = ()
    """Other recognisers that hear the same, on this machine; see ``vau.evaluation.peers``."""

    plots: Path | None = None
    """A folder for figures."""

    page: Path | None = None
    """A page of text with the figures, which are beside it unless ``plots`` says where."""

    def __post_init__(self) -> None:
        if self.page is not None and len(self.conditions) > 1 and self.conditions != MATRIX:
            raise ValueError("page: no command line means these conditions together")

    @property
    def command(self) -> str:
        """Return a command line that gives the figures of the page again.

        Folders of this machine are left out of it, and so is what changes no figure.
        """
        words = ["vau", "evaluate", "--manifest", f"CORPUS/{self.manifest.name}"]
        named = {
            "--split": self.split,
            "--model": Path(self.model).name,
            "--backend": self.backend,
            "--decoder": "" if self.decoder == "viterbi" else self.decoder,
        }
        named["--limit"] = "" if self.limit is None else str(self.limit)
        for flag, value in named.items():
            words += [flag, value] if value else []
        words += ["--server", "HOST:PORT"] * bool(self.server)
        words += ["--matrix"] if self.conditions == MATRIX else self.conditions[0].flags
        words += chain.from_iterable(("--peer", peer) for peer in self.peers)
        return " ".join(words)


Progress = Callable[[int, int], None]
"""Hears how many utterances are done, and of how many: each counts once per condition. Where
several recognisers hear each, once by one of them is a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Engine:
    """What hears: backends of this process, or of a server."""

    inventory: Inventory
    temperature: float | None
    choices: tuple[Choice, ...] = ()
    requests: tuple[Request, ...] = ()


def evaluate(
    plan: EvaluatePlan, on_progress: Progress, warn: Callable[[str], None]
) -> list[Evaluation]:
    """Score the backend asked for under each condition, beside it ``float`` and the peers.

    ``float`` is the yardstick: the network before it was quantised. A server that does not
    offer it leaves it out.
    warn:  hears what is worth knowing and stops nothing.
    Raises VauError for the first utterance that cannot be transcribed: a rate over the rest
           would be another figure.
    """
    _check_tools(plan)
    engine = _on_server(plan) if plan.server else _here(plan)
    inventory = engine.inventory
    utterances = read_manifest(plan.manifest, inventory, plan.split, plan.limit, warn=warn)
    total = len(utterances) * len(plan.conditions)
    recognisers = len(engine.choices) + len(engine.requests) + len(plan.peers)
    found = []
    for place, condition in enumerate(plan.conditions):
        hearing = Hearing(plan.manifest, inventory, utterances, condition)
        done = place * len(utterances)
        heard = []
        for count, one in enumerate(_heard(plan, engine, hearing), start=1):
            heard.append(one)
            on_progress(done + count // recognisers, total)
        found.append(_evaluation(plan, hearing, heard, engine.temperature))
    return found


def draw_and_write(plan: EvaluatePlan, found: Sequence[Evaluation]) -> list[Path]:
    """Make the figures and the page that ``plan`` asks for, and return what was written.

    Raises ConfigInvalid if matplotlib is not installed, or a file cannot be written.
    """
    folder = plan.plots or (plan.page and plan.page.with_suffix(""))
    if folder is None:
        return []
    figures = draw(found[0], folder)
    if plan.page is None:
        return figures
    write_page(plan.page, found, plan.command, figures)
    return [*figures, plan.page]


def _check_tools(plan: EvaluatePlan) -> None:
    """Raise ConfigInvalid now for what is not installed, and not after all else is done."""
    for peer in plan.peers:
        check_peer(peer)
    if plan.plots or plan.page:
        new_figure(1, 1)
    if plan.page is not None and not plan.page.absolute().parent.is_dir():
        raise ConfigInvalid(
            f"{plan.page}: there is no folder {plan.page.parent}; make it, or choose another "
            "page",
            field="page",
        )


def _here(plan: EvaluatePlan) -> _Engine:
    model = find_model(plan.model)
    choices = [choice_of(plan.model, plan.backend, plan.decoder, timed=True)]
    if not is_float(plan.backend):
        choices.append(choice_of(plan.model, FLOAT, plan.decoder, timed=False))
    return _Engine(
        inventory=inventory_of(model), temperature=model.temperature, choices=tuple(choices)
    )


def _on_server(plan: EvaluatePlan) -> _Engine:
    with Client(plan.server, access=plan.access) as client:
        found = offer(client, plan.model, plan.backend)
    requests = [
        Request(
            model=found.model,
            backend=backend,
            interim_results=not place,
            posteriors="log",
            decoder=plan.decoder,
        )
        for place, backend in enumerate(found.backends)
    ]
    return _Engine(inventory=found.inventory, temperature=None, requests=tuple(requests))


def _heard(plan: EvaluatePlan, engine: _Engine, hearing: Hearing) -> Iterator[Heard]:
    """Yield what everybody hears, of each utterance the backend asked for first."""
    for request in engine.requests:
        yield from hear_on_server(
            hearing, plan.server, request, streams=plan.jobs, access=plan.access
        )
    if engine.choices or plan.peers:
        work = partial(_hear, replace(hearing, utterances=()), engine.choices, plan.peers)
        yield from spread(work, _groups(hearing.utterances, plan.jobs), jobs=plan.jobs)


def _hear(
    hearing: Hearing,
    choices: Iterable[Choice],
    peers: Iterable[str],
    groups: Iterable[Sequence[Utterance]],
) -> Iterator[Heard]:
    """Hear some of the utterances, in whichever process this is."""
    for utterances in groups:
        part = replace(hearing, utterances=utterances)
        for choice in choices:
            yield from hear_here(part, choice)
        for peer in peers:
            yield from hear_with_peer(part, peer)


def _groups(utterances: Sequence[Utterance], jobs: int) -> list[Sequence[Utterance]]:
    """Cut utterances into groups of which a process takes one after the other."""
    size = max(1, -(-len(utterances) // jobs))
    if jobs > 1:
        size = min(size, UTTERANCES_AT_ONCE)
    return [utterances[at : at + size] for at in range(0, len(utterances), size)]


def _evaluation(
    plan: EvaluatePlan, hearing: Hearing, heard: Iterable[Heard], temperature: float | None
) -> Evaluation:
    found = scores(heard, [each.name for each in hearing.utterances])
    ours = [score for score in found if score.backend not in plan.peers]
    return Evaluation(
        condition=hearing.condition,
        score=ours[0],
        yardstick=next((score for score in ours if is_float(score.backend)), None),
        peers=tuple(score for score in found if score.backend in plan.peers),
        temperature=temperature,
    )
