"""The workbench itself: the port of ``vau.boards`` over the driver of this package."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, Final

from vau.boards import Bench, Boards, Finding, Say
from vau.errors import BackendError, BackendFault, FirmwareMismatch, ModelError
from vau.model import find_model
from vau_backends.board.device.opening import driver_of
from vau_backends.board.device.streams import Driver
from vau_backends.board.device.upsets import Upset
from vau_backends.board.discovery import Found, found_of, info_of, sightings
from vau_backends.board.faults.chaos import Chaos
from vau_backends.board.faults.proxy import Proxy
from vau_backends.board.hosting import serve
from vau_backends.board.link.info import Info
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.words import Kind
from vau_backends.board.transport.port import Port
from vau_backends.board.transport.tcp import open_tcp
from vau_backends.board.workbench.conformance.conformance import verdicts
from vau_backends.board.workbench.networks import network_for
from vau_backends.board.workbench.side_by_side import Compared, compared
from vau_backends.muntaniala.weights import NetworkWeights

KINDS: Final[Mapping[int, str]] = {
    Kind.SIMULATION: "RTL in simulation",
    Kind.FPGA: "FPGA",
    Kind.SOFTWARE: "software",
}
DEFAULT_LIMIT_S: Final = 2.0


class _Boards:
    """All that ``vau board`` can do."""

    def sightings(self) -> Finding:
        """List what is configured and plugged in."""
        found = list(sightings())
        facts = [
            {"url": seen.url, "text": seen.text, **(_facts(seen.info) if seen.info else {})}
            for seen in found
        ]
        lines = [
            f"board:{seen.info.stable_id}  {seen.url}  {_words(seen.info)}"
            if seen.info
            else f"-  {seen.url}  {seen.text}"
            for seen in found
        ]
        nothing = "no board is configured in VAU_BOARDS or plugged in; virtual:2x2 needs none"
        return Finding(facts={"boards": facts}, lines=tuple(lines or [nothing]))

    def serve(self, array: str, listen: str, serial: int) -> None:
        """Serve a virtual board until it is told to stop."""
        serve(array, listen, serial)

    def check(self, bench: Bench, say: Say) -> Finding:
        """Go through what a board has to do: each promise of the link, then as it is served."""
        with closing(_found(bench, say)) as found:
            with closing(found.url.open(DEFAULT_LIMIT_S)) as port:
                promises = verdicts(port, say)
            try:
                served = _checked(found, bench, say)
            except (BackendError, ModelError) as error:
                served = Finding(
                    facts={"error": str(error)}, lines=(f"FAILED: {error}",), is_good=False
                )
        broken = sum(each.broken is not None for each in promises)
        tried = [each for each in promises if each.is_tried]
        count = f"{len(tried)} of {len(promises)} promises of vau-link/1 tried, {broken} broken"
        return Finding(
            facts={
                "promises": [each.facts for each in promises],
                "broken_promises": broken,
                **served.facts,
            },
            lines=(
                *(each.line for each in tried),
                count,
                *served.lines,
            ),
            is_good=served.is_good and not broken,
        )

    def selftest(self, bench: Bench, say: Say) -> Finding:
        """Step a board and the reference side by side."""
        with _opened(bench, say) as (_, driver, weights, name):
            found = compared(driver, weights, bench.count, bench.seed, say)
            info = driver.board.info
            facts = {
                **_facts_of(found),
                "rtl_hash": info.rtl_hash.hex(),
                "network": name,
                "seed": bench.seed,
                **_facts(info),
            }
        lines = (_words(info), f"network: {name}", _sentence(found))
        return Finding(facts=facts, lines=lines, is_good=not found.mismatches)

    def chaos(self, bench: Bench, say: Say) -> Finding:
        """Let everything go wrong between driver and board."""
        with _opened(bench, say, through_proxy=True) as (proxy, driver, weights, name):
            say(f"{_words(driver.board.info)}; {name}; seed {bench.seed}")
            chaos = Chaos(driver, proxy, weights, bench.seed)
            chaos.fast(bench.count, say)
            chaos.slow(bench.slow_each, say)
            report = chaos.report
            facts = {**report.facts(), "network": name, **_facts(driver.board.info)}
        lines = [f"{kind.name.lower()}: {tally}" for kind, tally in report.tallies.items()]
        return Finding(
            facts=facts, lines=(*lines, *report.unkept()), is_good=not report.unkept()
        )


@contextmanager
def _opened(
    bench: Bench, say: Say, *, through_proxy: bool = False
) -> Iterator[tuple[Proxy, Driver, NetworkWeights, str]]:
    """Open a board with a network that suits it; the proxy lets all pass until it is armed."""
    with closing(_found(bench, say)) as found:
        name, weights = network_for(_info_of(found), bench.model, bench.seed)
        with closing(Proxy(found.url.open, bench.seed)) as proxy:
            driver = driver_of(found.url, weights, _through(proxy) if through_proxy else None)
            try:
                driver.start()
                yield proxy, driver, weights, name
            finally:
                driver.close()


def _found(bench: Bench, say: Say) -> Found:
    """Find the board, or start it, which is not begun for a model that is none."""
    if bench.model:
        find_model(bench.model)
    if bench.board.startswith("virtual:"):
        say(f"starting {bench.board}")
    return found_of(bench.board)


def _checked(found: Found, bench: Bench, say: Say) -> Finding:
    """Load a network as a server does, and compare steps with the reference."""
    _, weights = network_for(_info_of(found), bench.model, bench.seed)
    driver = driver_of(found.url, weights)
    try:
        driver.start()
        steps = compared(driver, weights, bench.count, bench.seed, say)
        info, counters = driver.board.info, driver.readings()
    finally:
        driver.close()
    return Finding(
        facts={
            **_facts(info),
            **_facts_of(steps),
            "link": asdict(counters.link),
            "core": asdict(counters.core),
        },
        lines=(
            _words(info),
            "INFO, load, checksums, tables and known answers: ok",
            _sentence(steps),
            *_counted(counters),
        ),
        is_good=not steps.mismatches,
    )


def _counted(counters: Readings) -> Iterator[str]:
    """Say what the counters of link and dies are, in words."""
    for name, block in (("link", counters.link), ("dies", counters.core)):
        words = (f"{value} {each.replace('_', ' ')}" for each, value in asdict(block).items())
        yield f"{name}: {', '.join(words)}"


def _through(proxy: Proxy) -> Callable[[float], Port]:
    host, port = proxy.address
    return lambda limit_s: open_tcp(f"{host}:{port}", limit_s)


def _info_of(found: Found) -> Info:
    """Ask a board who it is, and see that it can be: a network is made to its size.

    Raises BackendFault if it does not say, FirmwareMismatch if no board is like that.
    """
    try:
        info = info_of(found.url, DEFAULT_LIMIT_S)
    except Upset as silence:
        raise BackendFault(f"board {found.url.text}: {silence}") from silence
    if nonsense := info.out_of_bounds():
        raise FirmwareMismatch(
            f"board {found.url.text}: its INFO is not of vau-link/1: {'; '.join(nonsense)}",
            capability="info",
            field="board",
        )
    return info


def _facts(info: Info) -> dict[str, Any]:
    return {
        "board": info.stable_id,
        "kind": KINDS.get(info.kind, "unknown"),
        "array": f"{info.rows}x{info.columns}",
        "units_per_die": info.units,
        "rtl_hash": info.rtl_hash.hex(),
    }


def _words(info: Info) -> str:
    facts = _facts(info)
    return (
        f"{facts['kind']}, {facts['array']} dies of {info.units} units, "
        f"{info.contexts} contexts, RTL {facts['rtl_hash']}"
    )


def _facts_of(found: Compared) -> dict[str, Any]:
    return {
        "steps": found.steps,
        "mismatches": found.mismatches,
        "cycles_per_step": found.cycles_per_step,
        "steps_per_second": round(found.steps_per_second, 1),
        "saturations": found.saturations,
    }


def _sentence(found: Compared) -> str:
    return (
        f"{found.steps} steps side by side with the reference: {found.mismatches} mismatches, "
        f"{found.cycles_per_step} cycles each, {found.saturations} saturations, "
        f"{found.steps_per_second:.0f} steps/s"
    )


BOARDS: Final[Boards] = _Boards()
