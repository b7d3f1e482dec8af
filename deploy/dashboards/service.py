"""The dashboard *Service*: what the clients of a server get."""

from typing import Final

from deploy.dashboards.panel import (
    BACKEND,
    BUCKETED,
    COUNTED,
    INSTANCE,
    MEASURED,
    Dashboard,
    Panel,
    Row,
    asking,
    mean,
    quantile,
    rates,
    recorded,
)

WHO: Final = "{{instance}} {{backend}}"
TOTAL: Final = f'{BACKEND}, stage="total"'
PARTS: Final = f'{BACKEND}, stage!="total"'
FAILED: Final = f'{BACKEND}, code!="OK"'
BUDGET_S: Final = 0.01
EXPIRY: Final = "vau_tls_certificate_expiry_timestamp_seconds"

NOW: Final = Row(
    "Now",
    (
        Panel(
            title="Streams",
            question="How many streams are there?",
            figures=COUNTED,
            queries=asking((f"sum(vau_server_streams_active{{{INSTANCE}}})", "streams")),
            kind="number",
            width=4,
            height=4,
        ),
        Panel(
            title="Streams taken",
            question="How near is the fullest server, or the fullest of its backends, to "
            "refusing?",
            figures=COUNTED,
            queries=asking((f"max({recorded('streams:taken_ratio', INSTANCE)})", "taken")),
            unit="percentunit",
            kind="number",
            width=4,
            height=4,
            limit=0.9,
        ),
        Panel(
            title="A frame, p99",
            question="Within what time are 99 of 100 frames of live audio answered?",
            figures=MEASURED,
            queries=asking((f"max({recorded('frame_latency_seconds:p99', TOTAL)})", "p99")),
            unit="s",
            kind="number",
            width=4,
            height=4,
            limit=0.05,
        ),
        Panel(
            title="Frames over 10 ms",
            question="What part of the frames of live audio takes longer than a frame lasts?",
            figures=MEASURED,
            queries=asking((f"max({recorded('deadline_misses:ratio')})", "late")),
            unit="percentunit",
            kind="number",
            width=4,
            height=4,
            limit=0.05,
        ),
        Panel(
            title="Lag, p95",
            question="How far are answers behind the audio that has come?",
            figures=MEASURED,
            queries=asking((f"max({recorded('stream_lag_seconds:p95')})", "p95")),
            unit="s",
            kind="number",
            width=4,
            height=4,
            limit=1.0,
        ),
        Panel(
            title="Lines of the log lost",
            question="Can the log be trusted to be whole, within the last hour?",
            figures=COUNTED,
            queries=asking(
                (
                    f"sum(increase(vau_log_lines_lost_total{{{INSTANCE}}}[1h])) or vector(0)",
                    "lines",
                )
            ),
            kind="number",
            width=4,
            height=4,
            limit=1,
        ),
    ),
)

LATENCY: Final = Row(
    "How fast live audio is answered",
    (
        Panel(
            title="A frame, from its last sample to its answer",
            question="Do answers come within the 10 ms that a frame lasts, and for whom not?",
            figures=MEASURED,
            queries=asking(
                (recorded("frame_latency_seconds:p50", TOTAL), f"p50 {WHO}"),
                (recorded("frame_latency_seconds:p99", TOTAL), f"p99 {WHO}"),
            ),
            unit="s",
            limit=BUDGET_S,
        ),
        Panel(
            title="Where a frame spends its time",
            question="Which stage makes answers late: queue (other streams), front end, "
            "accelerator (compute), decoder (post)?",
            figures=MEASURED,
            queries=asking(
                (
                    f"max by (stage) ({recorded('frame_latency_seconds:p50', PARTS)})",
                    "p50 {{stage}}",
                ),
                (
                    f"max by (stage) ({recorded('frame_latency_seconds:p95', PARTS)})",
                    "p95 {{stage}}",
                ),
            ),
            unit="s",
            limit=BUDGET_S,
        ),
        Panel(
            title="Frames over 10 ms, by what made them late",
            question="How many frames of live audio miss their deadline, and which stage is "
            "to blame?",
            figures=COUNTED,
            queries=asking((rates("stage", "vau_deadline_misses_total"), "{{stage}}")),
            unit="cps",
            kind="stack",
        ),
        Panel(
            title="Lag",
            question="How much live audio waits for its answer? Over a second somebody is "
            "called.",
            figures=MEASURED,
            queries=asking(
                (recorded("stream_lag_seconds:p50"), f"p50 {WHO}"),
                (recorded("stream_lag_seconds:p95"), f"p95 {WHO}"),
            ),
            unit="s",
            limit=1.0,
        ),
        Panel(
            title="First answer",
            question="How long after its first audio does a stream hear of us?",
            figures=MEASURED,
            queries=asking(
                (recorded("first_answer_seconds:p50"), f"p50 {WHO}"),
                (recorded("first_answer_seconds:p95"), f"p95 {WHO}"),
            ),
            unit="s",
        ),
        Panel(
            title="Final result after the end",
            question="How long after its last audio has a stream its final result?",
            figures=MEASURED,
            queries=asking(
                (recorded("final_after_end_seconds:p50"), f"p50 {WHO}"),
                (recorded("final_after_end_seconds:p95"), f"p95 {WHO}"),
            ),
            unit="s",
        ),
        Panel(
            title="Slow streams, by cause",
            question="How many streams were answered late, and why? The log has a line for "
            "each.",
            figures=COUNTED,
            queries=asking(
                (rates("backend, cause", "vau_slow_streams_total"), "{{backend}} {{cause}}")
            ),
            unit="cps",
        ),
        Panel(
            title="Frames answered, and those of files",
            question="How much of the load is files that come faster than speech? Of these no "
            "latency is counted.",
            figures=COUNTED,
            queries=asking(
                (rates("backend", "vau_frames_total"), "{{backend}} all"),
                (rates("backend", "vau_ahead_frames_total"), "{{backend}} ahead of live"),
            ),
            unit="cps",
        ),
        Panel(
            title="Audio taken in",
            question="How many seconds of audio come each second: how many speak at once?",
            figures=COUNTED,
            queries=asking((rates("instance, backend", "vau_audio_seconds_total"), WHO)),
        ),
    ),
)

STREAMS: Final = Row(
    "Streams, and how they end",
    (
        Panel(
            title="Streams, and room for them",
            question="How many streams has each backend, and how many could it have?",
            figures=COUNTED,
            queries=asking(
                (f"vau_streams_active{{{BACKEND}}}", f"{WHO}"),
                (f"vau_stream_slots{{{BACKEND}}}", f"{WHO} room"),
            ),
            width=12,
        ),
        Panel(
            title="Streams that ended, by code",
            question="Do streams end well?",
            figures=COUNTED,
            queries=asking((rates("code", "vau_streams_total"), "{{code}}")),
            unit="cps",
            kind="stack",
            width=12,
        ),
        Panel(
            title="Refusals and errors, by reason",
            question="Why are streams refused or broken off? operations.md has what to do.",
            figures=COUNTED,
            queries=asking(
                (rates("code, reason", "vau_streams_total", FAILED), "{{code}} {{reason}}")
            ),
            unit="cps",
            kind="stack",
        ),
        Panel(
            title="How long streams last",
            question="Are streams long talks or short commands?",
            figures=f"{MEASURED.replace('five minutes', 'a point of the line')} {BUCKETED}",
            queries=asking(
                (mean("backend", "vau_stream_duration_seconds"), "mean {{backend}}"),
                (quantile(0.95, "backend", "vau_stream_duration_seconds"), "p95 {{backend}}"),
            ),
            unit="s",
        ),
        Panel(
            title="Resumes, by outcome",
            question="Do streams that were lost come back, and can they go on?",
            figures=COUNTED,
            queries=asking((rates("outcome", "vau_resumes_total", INSTANCE), "{{outcome}}")),
            unit="cps",
        ),
        Panel(
            title="Checkpoints sent",
            question="How many streams could be resumed: do clients ask for checkpoints?",
            figures=COUNTED,
            queries=asking((rates("instance, backend", "vau_checkpoints_total"), WHO)),
            unit="cps",
            width=12,
        ),
        Panel(
            title="Doubtful audio, by kind",
            question="Does audio come that its sender did not mean: swapped bytes, silence, "
            "clipping?",
            figures=COUNTED,
            queries=asking((rates("kind", "vau_audio_suspicious_total", INSTANCE), "{{kind}}")),
            unit="cps",
            width=12,
        ),
    ),
)

DOOR: Final = Row(
    "The door",
    (
        Panel(
            title="Callers refused, by reason",
            question="Does anybody come without a good token, or by somebody else's page?",
            figures=COUNTED,
            queries=asking(
                (rates("reason", "vau_auth_failures_total", INSTANCE), "{{reason}}")
            ),
            unit="cps",
        ),
        Panel(
            title="Files read again",
            question="Were new tokens and certificates taken up, or the old ones kept?",
            figures=COUNTED,
            queries=asking(
                (
                    f"sum by (file, outcome) (vau_door_reloads_total{{{INSTANCE}}})",
                    "{{file}} {{outcome}}",
                )
            ),
        ),
        Panel(
            title="The certificate ends in",
            question="How long is the certificate good? Under 14 days somebody is called.",
            figures="Counted from its date.",
            queries=asking(
                (f"min by (instance) ({EXPIRY}{{{INSTANCE}}} - time())", "{{instance}}")
            ),
            unit="s",
            kind="number",
        ),
    ),
)

SERVICE: Final = Dashboard(
    name="service",
    title="Vau: Service",
    purpose="What the clients of a server get: how fast, how many, and who is refused.",
    rows=(NOW, LATENCY, STREAMS, DOOR),
)
