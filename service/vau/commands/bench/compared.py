"""What shadows cost the clients of a server, under the load of many paced streams.

Both servers have one core, with their shadows on it, and the load another. The load is half of
the most streams that are sustained so, unless it is given. The two servers, with shadows and
without, take turns: short runs, each beside its pair, so that what else the machine does meets
both alike.
"""

from dataclasses import dataclass, replace

from vau.audiofile import read_recording
from vau.commands.bench.bencher import WARM_UP_RUN_S, Bencher, Tell, ask, run_text
from vau.commands.bench.plan import HALF, Bench, BenchPlan, Capacity, Side, SideRun
from vau.commands.bench.sides import LoadedServer, quiet_generator, sides_of
from vau.commands.bench.verdict import is_enough
from vau.errors import ConfigInvalid
from vau.load.capacity import RESOLUTION
from vau.load.cores import Cores
from vau.load.page import Scrape


def bench(plan: BenchPlan, tell: Tell) -> Bench:
    """Measure a plan that names shadows; ``tell`` hears how it goes on.

    Raises AudioError for the file, ModelError or BackendError if nothing could serve,
    Unreachable if a server does not start or is lost, SlotsExhausted if it takes no stream,
    and what else it answers with. Servers of ours are stopped in any case.
    """
    speech = read_recording(plan.file).samples
    cores = Cores.of_this_process()
    with quiet_generator(cores), sides_of(plan, cores) as sides:
        engine, most = ask(plan, sides["off"].address)
        tell(f"measuring {' and '.join(each.address for each in sides.values())}")
        bencher = Bencher(plan, speech)
        capacity, streams = None, plan.streams
        if streams is None:
            capacity = bencher.search(sides["off"], most, tell, resolution=RESOLUTION)
            streams = _half(capacity)
        runs = _Turns(bencher, sides).take(streams, tell)
        metrics = sides["on"].metrics
        return Bench(
            plan=plan,
            engine=engine,
            capacity=capacity,
            streams=streams,
            cores=cores,
            runs=runs,
            shadow_page=Scrape.of(metrics) if metrics else None,
        )


def _half(capacity: Capacity) -> int:
    """Return half of what is sustained. Raises ConfigInvalid if that is nothing."""
    if not capacity.streams:
        raise ConfigInvalid(
            "streams: not even one is sustained with chunks of this length; try longer "
            "--chunk-ms, or name --streams to see its latencies",
            field="streams",
        )
    return max(1, capacity.streams // HALF)


@dataclass(frozen=True, slots=True)
class _Turns:
    """Two servers, of which one is measured at a time."""

    bencher: Bencher
    sides: dict[Side, LoadedServer]

    def take(self, streams: int, tell: Tell) -> tuple[SideRun, ...]:
        """Return each run with its side, pair by pair; who goes first alternates.

        It ends halfway if that decides what shadows cost.
        """
        plan, order = self.bencher.plan, list(self.sides)
        warm_up = self.bencher.load(streams, WARM_UP_RUN_S)
        for side in order:
            self.bencher.run(self.sides[side], warm_up)
        runs: list[SideRun] = []
        for pair in range(plan.most_pairs):
            load = self.bencher.load(streams, plan.run_s)
            load = replace(load, seed=plan.seed + pair)  # the same for both of a pair
            for side in order:
                runs.append(SideRun(side, self.bencher.run(self.sides[side], load)))
                of = f"run {pair + 1} of {plan.most_pairs}, shadows {side}"
                tell(run_text(of, runs[-1].run))
            if is_enough(plan, runs):
                tell("that decides it: the other runs are spared")
                break
            order.reverse()
        return tuple(runs)
