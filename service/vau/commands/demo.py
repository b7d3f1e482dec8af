"""The whole service at once: a server of its own, a client, a voice, and the figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vau.audio import FRAME_BUDGET_S, SAMPLE_RATE_HZ
from vau.client import Client
from vau.client.recognition import Request
from vau.commands.display import phone_line, summary_lines
from vau.commands.live_audio import chunk_samples, from_file
from vau.commands.local_server import check_engines, local_server
from vau.commands.monitor import Monitor, listen
from vau.load.page import fetch, page_url
from vau.segments import Phone

SHOWN_METRICS: Final = ("vau_energy_joules_total", "vau_frames_total", "vau_deadline_misses")

SHOWN_ON: Final = {"board": "munt-1x192"}  # which has one array of dies, for one layer


def network_for(backend: str) -> str:
    """Return the shipped network to show a backend with; empty for the usual one."""
    return SHOWN_ON.get(backend.partition(":")[0], "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What to stream, and through what."""

    file: Path
    model: str
    backend: str
    chunk_ms: int = 20
    pace: bool = True


class Demo:
    """One demonstration: ``run`` it and watch ``monitor``, then ask for the figures."""

    def __init__(self, options: DemoOptions, tell: Callable[[str], None] | None = None) -> None:
        """Prepare it; ``tell`` hears a line for each phoneme as it becomes certain."""
        self.options = options
        self.notices: list[str] = []
        self.monitor = Monitor(on_notice=self.notices.append)
        if tell is not None:
            self.monitor.on_phone = lambda phone: tell(self._line(phone))
        self._metrics_url = ""
        self._page: list[str] = []

    def run(self) -> None:
        """Start a server, stream the file through it, read its metrics, stop it.

        Raises AudioError for the file, ModelError or BackendError if nothing could serve,
        Unreachable if the server does not start or is lost, and what the server answers
        with. In any case it is stopped.
        """
        size = chunk_samples(self.options.chunk_ms)
        source = from_file(self.options.file, size, pace=self.options.pace)
        request = Request(interim_results=True, posteriors="log")
        check_engines(self.options.model, self.options.backend)
        arguments = ("--model", self.options.model, "--backend", self.options.backend)
        with local_server(*arguments) as server:
            with Client(server.grpc) as client:
                listen(client, source, request, self.monitor)
            self._metrics_url = page_url(server.metrics)
            self._page = fetch(server.metrics).splitlines()

    def report(self) -> dict[str, Any]:
        """Return all figures, for a machine. Raises ValueError before the end of ``run``."""
        monitor, finished, started = self.monitor, self.monitor.finished, self.monitor.started
        if finished is None or started is None:
            raise ValueError("the demonstration has not come to its end")
        audio_s = finished.samples / SAMPLE_RATE_HZ
        energy = monitor.energy
        return {
            "audio_s": audio_s,
            "frames": finished.frames,
            "phones": [phone.symbol for phone in monitor.spoken()],
            "frame_latency_ms": monitor.latencies_ms(),
            "energy_uj_per_frame": monitor.energy_per_frame_uj,
            "energy_origin": energy.origin if energy else None,
            "energy_j_total": energy.joules if energy else None,
            "realtime_factor": finished.compute_s / audio_s,
            "backend": started.engine.backend,
            "tier": started.tier,
            "model": started.engine.model,
        }

    def text(self) -> str:
        """Return the figures for a person, and a few lines of what Prometheus would read."""
        return "\n".join(
            [
                "",
                *summary_lines(
                    self.monitor, paced=self.options.pace, chunk_ms=self.options.chunk_ms
                ),
                "",
                f"{self._metrics_url} says:",
                *shown_metrics(self._page),
            ]
        )

    def _line(self, phone: Phone) -> str:
        return phone_line(phone, is_silence=self.monitor.is_silence(phone))


def shown_metrics(page: Sequence[str]) -> list[str]:
    """Return the few lines of a scrape that tell the story."""
    return [line for line in page if line.startswith(SHOWN_METRICS) or _is_total(line)]


def _is_total(line: str) -> bool:
    """Tell whether a line is of the whole latency, and more than one of many buckets."""
    wanted = "_bucket" not in line or f'le="{FRAME_BUDGET_S:g}"' in line
    return line.startswith("vau_frame_latency_seconds") and 'stage="total"' in line and wanted
