"""Settings that follow from what was found, as a command line, variables and a file."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from vau.commands.doctor.check import Asked
from vau.commands.doctor.engines import Streams
from vau.commands.flags import (
    DEFAULT_BACKEND,
    DEFAULT_MODEL,
    DEFAULT_SERVER,
    DEFAULT_WEB,
    variable,
)

DEFAULTS = {
    "listen": DEFAULT_SERVER,
    "metrics-listen": "127.0.0.1:9464",
    "web-listen": DEFAULT_WEB,
    "model": [DEFAULT_MODEL],
    "backend": [DEFAULT_BACKEND],
}


@dataclass(frozen=True, slots=True)
class Advice:
    """How to start a server here."""

    settings: dict[str, Any]
    """By flag, without its dashes; a list for one that is given several times."""

    why: str

    def command(self) -> str:
        """Return the command line."""
        words = ["vau", "serve"]
        for name, value in self.settings.items():
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{name}"] if each is True else [f"--{name}", str(each)]
        return shlex.join(words)

    def environment(self) -> dict[str, str]:
        """Return the same as variables."""
        return {
            variable(f"--{name}"): " ".join(value if isinstance(value, list) else [str(value)])
            for name, value in self.settings.items()
        }

    def toml(self) -> str:
        """Return the same as a file for --config."""
        return "".join(
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
            for name, value in self.settings.items()
        )

    def facts(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "settings": self.settings,
            "why": self.why,
            "command": self.command(),
            "environment": self.environment(),
            "toml": self.toml(),
        }


def advise(
    asked: Asked, carried: Streams, quota: float | None, *, is_busy: bool = False
) -> Advice:
    """Return the settings that suit this machine.

    carried: what each backend was measured to carry; of those asked for the least counts.
    quota:   of cores, as a control group has it; of less than one there is so much less.
    is_busy: whether something else computed meanwhile.
    """
    given: dict[str, Any] = {
        "listen": asked.listen,
        "metrics-listen": asked.metrics_listen,
        "web": True if asked.web_listen else None,
        "web-listen": asked.web_listen or None,
        "model": list(asked.models),
        "backend": list(asked.backends),
        "tls-cert": asked.tls_cert,
        "tls-key": asked.tls_key,
        "tls-client-ca": asked.tls_client_ca,
        "tokens": asked.tokens,
        "resume-key-file": asked.resume_key_file,
    }
    settings: dict[str, Any] = {
        name: value if isinstance(value, str | list | bool) else str(value)
        for name, value in given.items()
        if value is not None and value != DEFAULTS.get(name)
    }
    measured = [carried[each] for each in asked.backends if each in carried]
    if not measured:
        settings["max-streams"] = "auto" if asked.max_streams is None else asked.max_streams
        return Advice(settings, "nothing was measured: the server does it when it starts")
    most = max(1, int(min(measured) * min(1.0, quota or 1.0)))
    chosen = most if asked.max_streams is None else min(most, asked.max_streams)
    settings["max-streams"] = chosen
    others = ", ".join(
        f"{each} {count}" for each, count in carried.items() if each not in asked.backends
    )
    why = f"{' and '.join(asked.backends)}: {min(measured)} live streams were measured"
    why += " while something else computed: look again when it is quiet" if is_busy else ""
    why += f", and the quota allows {quota:g} of a core" if most < min(measured) else ""
    return Advice(settings, why + (f" (others carry: {others})" if others else ""))
