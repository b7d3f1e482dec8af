"""The dashboard *Accelerator*: what the work costs it, in joules and in time."""

from typing import Final

from deploy.dashboards.panel import (
    BACKEND,
    BUCKETED,
    BY_ORIGIN,
    COUNTED,
    Dashboard,
    Panel,
    Row,
    asking,
    mean,
    quantile,
    rates,
    ratio,
    recorded,
)

SUPPLY: Final = "{{backend}} {{boundary}}, {{origin}}"
ORIGIN: Final = "{{backend}}, {{origin}}"
PER_SUPPLY: Final = "backend, origin, boundary"
COMPUTE: Final = f'{BACKEND}, stage="compute"'
BUDGET_S: Final = 0.01


def per_frame(by: str, meter: str, frames: str = "vau_frames_total") -> str:
    """Return what a frame takes of something, for each of the labels ``by``, backend first."""
    backend, *others = by.split(", ")
    joined = f"on ({backend}) group_left " if others else ""
    return f"{rates(by, meter)} / {joined}{rates(backend, frames)}"


def of_shadow(by: str, meter: str) -> str:
    """Return what a frame takes a shadow."""
    pair = "backend, shadow"
    return (
        f"{rates(f'{pair}, {by}', meter)}"
        f" / on ({pair}) group_left {rates(pair, 'vau_shadow_frames_total')}"
    )


PER_FRAME: Final = mean(PER_SUPPLY, "vau_energy_joules_per_frame")
CYCLES: Final = per_frame("backend, origin", "vau_device_cycles_total")
SHADOW_CYCLES: Final = of_shadow("origin", "vau_shadow_device_cycles_total")
SHADOWED: Final = f"vau_shadow_device_cycles_total{{{BACKEND}}}"


ENERGY: Final = Row(
    "Energy",
    (
        Panel(
            title="Energy of a frame",
            question="What does a frame take, and who says so: a model, or a meter on a board?",
            figures=BY_ORIGIN,
            queries=asking((PER_FRAME, SUPPLY)),
            unit="joule",
            is_log=True,
        ),
        Panel(
            title="Energy of an hour of audio",
            question="What does an hour of speech take, with all that was computed twice?",
            figures=BY_ORIGIN,
            queries=asking(
                (f"avg by ({PER_SUPPLY}) ({recorded('energy_joules:per_audio_hour')})", SUPPLY)
            ),
            unit="joule",
            is_log=True,
        ),
        Panel(
            title="Power",
            question="What does the accelerator draw at this load?",
            figures=BY_ORIGIN,
            queries=asking((rates(PER_SUPPLY, "vau_energy_joules_total"), SUPPLY)),
            unit="watt",
            is_log=True,
        ),
        Panel(
            title="Energy of a frame, by component",
            question="Which part of the accelerator takes most? Components of one boundary "
            "add up.",
            figures=BY_ORIGIN,
            queries=asking(
                (
                    f"avg by ({PER_SUPPLY}, component) ({recorded('energy_joules:per_frame')})",
                    "{{component}} of {{backend}} {{boundary}}, {{origin}}",
                )
            ),
            unit="joule",
            is_log=True,
            width=16,
        ),
        Panel(
            title="Energy of a frame, the dear ones",
            question="Within how many joules are 99 of 100 frames?",
            figures=f"{BY_ORIGIN} {BUCKETED}",
            queries=asking(
                (
                    quantile(0.99, PER_SUPPLY, "vau_energy_joules_per_frame"),
                    f"p99 {SUPPLY}",
                ),
                (PER_FRAME, f"mean {SUPPLY}"),
            ),
            unit="joule",
            is_log=True,
        ),
    ),
)

TIME: Final = Row(
    "Time",
    (
        Panel(
            title="Time on the accelerator, a frame",
            question="Would the accelerator keep up with speech, 10 ms a frame?",
            figures=f"{BY_ORIGIN} {BUCKETED}",
            queries=asking(
                (mean("backend, origin", "vau_frame_device_seconds"), f"mean {ORIGIN}"),
                (
                    f"max by (backend, origin) ({recorded('frame_device_seconds:p99')})",
                    f"p99 {ORIGIN}",
                ),
            ),
            unit="s",
            limit=BUDGET_S,
            is_log=True,
            width=12,
        ),
        Panel(
            title="Utilisation",
            question="What part of its time is the accelerator busy? Over 100 %, estimated: "
            "this load would take more than one.",
            figures=BY_ORIGIN,
            queries=asking(
                (rates("backend, origin", "vau_frame_device_seconds_sum"), ORIGIN),
                (recorded("frame_device_seconds:utilisation"), f"five minutes, {ORIGIN}"),
            ),
            unit="percentunit",
            limit=1.0,
            width=12,
        ),
        Panel(
            title="Frames that take the accelerator over 10 ms",
            question="What part of the frames is too much for it? Over 1 % somebody is called.",
            figures="Estimated or measured, as the backend has it, over five minutes.",
            queries=asking(
                (
                    f"max by (backend) ({recorded('frame_device_seconds:over_budget_ratio')})",
                    "{{backend}}",
                )
            ),
            unit="percentunit",
            limit=0.01,
        ),
        Panel(
            title="Cycles of a frame",
            question="How many clock cycles does a frame take?",
            figures=BY_ORIGIN,
            queries=asking((CYCLES, ORIGIN)),
            is_log=True,
        ),
        Panel(
            title="Cycles a second",
            question="How fast a clock would this load need, if nothing ran side by side?",
            figures=BY_ORIGIN,
            queries=asking((rates("backend, origin", "vau_device_cycles_total"), ORIGIN)),
            unit="hertz",
            is_log=True,
        ),
        Panel(
            title="Deadlines missed for the accelerator",
            question="How many frames of live audio were late because the backend computed "
            "too long?",
            figures="Counted by the server: time of the host, which computes a model itself.",
            queries=asking(
                (rates("backend", "vau_deadline_misses_total", COMPUTE), "{{backend}}")
            ),
            unit="cps",
            width=12,
        ),
        Panel(
            title="Saturations of a frame, by layer",
            question="Do accumulators meet their limits more often than they did: has the "
            "audio, or the network, changed?",
            figures="Counted by the backend.",
            queries=asking(
                (
                    per_frame("backend, layer", "vau_saturations_total"),
                    "{{backend}} layer {{layer}}",
                )
            ),
            is_log=True,
            width=12,
        ),
    ),
)

ESTIMATE: Final = Row(
    "Estimated against measured",
    (
        Panel(
            title="Cycles of a frame, beside a shadow's",
            question="Does the model count the cycles that the board took?",
            figures=BY_ORIGIN,
            queries=asking(
                (f"({CYCLES}) and on (backend) {SHADOWED}", ORIGIN),
                (SHADOW_CYCLES, "{{shadow}} beside {{backend}}, {{origin}}"),
            ),
        ),
        Panel(
            title="Cycles by a shadow's count, as a share",
            question="How far is an estimate from what a board took? 100 % is the very same.",
            figures="Estimated by the shadow, over what the backend estimated or measured.",
            queries=asking(
                (
                    f"({SHADOW_CYCLES}) / on (backend) group_left sum by (backend) ({CYCLES})",
                    "{{shadow}} beside {{backend}}",
                )
            ),
            unit="percentunit",
        ),
        Panel(
            title="Energy of a frame, beside a shadow's",
            question="How far is an estimate from what was measured, or from another model's?",
            figures=BY_ORIGIN,
            queries=asking(
                (f"({PER_FRAME}) and on (backend) {SHADOWED}", SUPPLY),
                (
                    of_shadow("origin, boundary", "vau_shadow_energy_joules_total"),
                    "{{shadow}} beside {{backend}} {{boundary}}, {{origin}}",
                ),
            ),
            unit="joule",
            is_log=True,
        ),
    ),
)

SHARING: Final = Row(
    "What sharing a call gains",
    (
        Panel(
            title="Streams in a step, frames in a call",
            question="How much work comes together: streams of a batch, and frames of one "
            "stream?",
            figures=COUNTED,
            queries=asking(
                (mean("backend", "vau_batch_size"), "{{backend}} streams"),
                (mean("backend", "vau_chunk_frames"), "{{backend}} frames"),
            ),
        ),
        Panel(
            title="Times as much, one by one",
            question="How many times the energy, cycles and memory would frames take, had "
            "each had a call of its own? 1 gains nothing.",
            figures=BY_ORIGIN,
            queries=asking(
                (
                    ratio(
                        PER_SUPPLY,
                        "vau_unshared_energy_joules_total",
                        "vau_energy_joules_total",
                    ),
                    f"energy {SUPPLY}",
                ),
                (
                    ratio(
                        "backend, origin",
                        "vau_unshared_device_cycles_total",
                        "vau_device_cycles_total",
                    ),
                    f"cycles {ORIGIN}",
                ),
                (
                    ratio(
                        "backend", "vau_unshared_memory_bytes_total", "vau_memory_bytes_total"
                    ),
                    "memory {{backend}}",
                ),
            ),
        ),
        Panel(
            title="Memory read for a frame",
            question="How much do weights and the like take out of memory?",
            figures="Estimated by the backend: read from outside the accelerator.",
            queries=asking((per_frame("backend", "vau_memory_bytes_total"), "{{backend}}")),
            unit="decbytes",
        ),
    ),
)

ACCELERATOR: Final = Dashboard(
    name="accelerator",
    title="Vau: Accelerator",
    purpose="What the work costs the accelerator, in joules, cycles and time, and who says so.",
    rows=(ENERGY, TIME, ESTIMATE, SHARING),
)
