"""The dashboard *Fleet*: which servers, backends and boards there are, and how they are."""

from typing import Final

from deploy.dashboards.panel import (
    BACKEND,
    COUNTED,
    INSTANCE,
    Dashboard,
    Panel,
    Row,
    asking,
    quantile,
    rates,
    ratio,
    recorded,
)

VAU: Final = f'job="vau", {INSTANCE}'
PAIR: Final = "{{shadow}} beside {{backend}}"
SHADOW: Final = "{{instance}} {{shadow}}, {{model}}"
STATES: Final = ("ready", "degraded", "initializing", "draining", "fault")


def state() -> str:
    """Return the number of the state that each backend is in, of STATES."""
    named = ((number, f'{BACKEND}, state="{name}"') for number, name in enumerate(STATES))
    return " + ".join(
        f"{number} * max by (instance, backend) (vau_backend_state{{{where}}})"
        for number, where in named
    )


REPLICAS: Final = Row(
    "Servers",
    (
        Panel(
            title="Servers that answer",
            question="Are all servers there?",
            figures="Counted by Prometheus: whoever was scraped.",
            queries=asking((f"sum(up{{{VAU}}})", "up"), (f"count(up{{{VAU}}})", "known")),
            kind="number",
            width=4,
        ),
        Panel(
            title="Server by server",
            question="Which server is away, and since when?",
            figures="Counted by Prometheus: whoever was scraped.",
            queries=asking((f"1 - up{{{VAU}}}", "{{instance}}")),
            kind="states",
            width=10,
            states=("up", "down"),
        ),
        Panel(
            title="Alerts",
            question="What is somebody to look at? operations.md says what to do.",
            figures="Raised by Prometheus: deploy/alerts.yml.",
            queries=asking(
                (
                    'count by (alertname, alertstate) (ALERTS{alertname=~"Vau.*"})',
                    "{{alertname}} {{alertstate}}",
                )
            ),
            kind="stack",
            width=10,
        ),
        Panel(
            title="Streams of each server",
            question="Is the load spread evenly, and does a server that drains empty?",
            figures=COUNTED,
            queries=asking(
                (f"vau_server_streams_active{{{INSTANCE}}}", "{{instance}}"),
                (f"vau_server_stream_slots{{{INSTANCE}}}", "{{instance}} room"),
            ),
            width=12,
        ),
        Panel(
            title="Streams taken",
            question="Which server is near its limit? Over nine tenths somebody is called.",
            figures=COUNTED,
            queries=asking((recorded("streams:taken_ratio", INSTANCE), "{{instance}}")),
            unit="percentunit",
            width=12,
            limit=0.9,
        ),
        Panel(
            title="What runs",
            question="Do all servers run the same build?",
            figures="As they were started.",
            queries=asking((f"vau_build_info{{{INSTANCE}}}", "")),
            kind="table",
            width=10,
            height=5,
        ),
        Panel(
            title="What is served",
            question="Has each server the same models, to the byte?",
            figures="As they were started.",
            queries=asking((f"vau_model_info{{{BACKEND}}}", "")),
            kind="table",
            width=14,
            height=5,
        ),
    ),
)

BOARDS: Final = Row(
    "Backends and boards",
    (
        Panel(
            title="State of each backend",
            question="Which backend or board is not ready, and since when?",
            figures="As it says of itself.",
            queries=asking((state(), "{{instance}} {{backend}}")),
            kind="states",
            width=24,
            height=7,
            states=STATES,
        ),
        Panel(
            title="What was put right, by kind",
            question="What goes wrong on the link or in the board, though nobody else notices?",
            figures="Counted by the driver of the board.",
            queries=asking(
                (rates("backend, kind", "vau_backend_mended_total"), "{{backend}} {{kind}}")
            ),
            unit="cps",
        ),
        Panel(
            title="Requests sent again, a frame",
            question="Does a cable get worse? Over one frame in twenty somebody is called.",
            figures="Counted by the driver of the board, over five minutes.",
            limit=0.05,
            queries=asking((recorded("backend_retries:per_frame"), "{{instance}} {{backend}}")),
            unit="percentunit",
        ),
        Panel(
            title="Streams that a fallback took over",
            question="Which backend fails streams, why, and who takes them?",
            figures=COUNTED,
            queries=asking(
                (
                    f"sum by (backend, to, reason) (vau_backend_changes_total{{{BACKEND}}})",
                    "{{backend}} to {{to}}: {{reason}}",
                )
            ),
        ),
    ),
)

SHADOWS: Final = Row(
    "Shadows: another backend hears the same",
    (
        Panel(
            title="Frames with other bits",
            question="Do two backends that promise equal bits differ? One frame is too many.",
            figures="Counted by the shadow.",
            queries=asking(
                (f"sum by (backend, shadow) (vau_backend_mismatches_total{{{BACKEND}}})", PAIR)
            ),
            kind="number",
            limit=1,
            width=12,
        ),
        Panel(
            title="Divergence of the posteriors",
            question="How far is one network or arithmetic from the other? 0 is equal, 1 is "
            "disjoint.",
            figures="Counted by the shadow: total variation distance of each frame.",
            queries=asking(
                (quantile(0.5, "backend, shadow", "vau_shadow_divergence"), f"p50 {PAIR}"),
                (quantile(0.99, "backend, shadow", "vau_shadow_divergence"), f"p99 {PAIR}"),
            ),
            width=12,
        ),
        Panel(
            title="Frames whose best class differs",
            question="How often would another phoneme have been heard?",
            figures="Counted by the shadow.",
            queries=asking(
                (
                    ratio(
                        "backend, shadow",
                        "vau_shadow_disagreements_total",
                        "vau_shadow_frames_total",
                    ),
                    PAIR,
                )
            ),
            unit="percentunit",
        ),
        Panel(
            title="Shadows that listen",
            question="Is a shadow down, and since when? Clients are not concerned.",
            figures=COUNTED,
            queries=asking((f"1 - vau_shadow_up{{{INSTANCE}}}", SHADOW)),
            kind="states",
            states=("listens", "down"),
        ),
        Panel(
            title="Frames that wait for a shadow",
            question="Does a shadow keep up?",
            figures=COUNTED,
            queries=asking((f"vau_shadow_backlog_frames{{{INSTANCE}}}", SHADOW)),
        ),
        Panel(
            title="What a shadow was spared",
            question="How much does a comparison leave out: frames, and parts of utterances?",
            figures=COUNTED,
            queries=asking(
                (rates("backend, shadow", "vau_shadow_shed_frames_total"), f"frames, {PAIR}"),
                (
                    rates("backend, shadow", "vau_shadow_shed_utterances_total"),
                    f"utterances, {PAIR}",
                ),
            ),
            unit="cps",
            width=12,
        ),
        Panel(
            title="Losses of a shadow",
            question="How often did the process of a shadow fail or die?",
            figures=COUNTED,
            queries=asking((f"vau_shadow_losses_total{{{INSTANCE}}}", SHADOW)),
            width=12,
        ),
    ),
)

FLEET: Final = Dashboard(
    name="fleet",
    title="Vau: Fleet",
    purpose="Which servers, backends, boards and shadows there are, and how they are.",
    rows=(REPLICAS, BOARDS, SHADOWS),
)
