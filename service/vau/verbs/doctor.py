"""The verb ``vau doctor``."""

import json
import sys

from vau.commands import flags
from vau.commands.flags import doctoring, door, serving
from vau.verbs.outcome import DONE, SOME_FAILED, inform


def doctor(
    *,
    listen: serving.Listen = flags.DEFAULT_SERVER,
    metrics_listen: serving.MetricsListen = "127.0.0.1:9464",
    web: serving.Web = False,
    web_listen: serving.WebListen = "",
    web_origin: serving.WebOrigins = [],  # noqa: B006 - typer copies it
    model: serving.Models = [flags.DEFAULT_MODEL],  # noqa: B006
    backend: serving.Backends = [flags.DEFAULT_BACKEND],  # noqa: B006
    board: serving.Boards = [],  # noqa: B006
    max_streams: serving.MaxStreams = "auto",
    resume_key_file: serving.ResumeKeyFile = None,
    tls_cert: door.TlsCert = None,
    tls_key: door.TlsKey = None,
    tls_client_ca: door.TlsClientCa = None,
    tokens: door.Tokens = None,
    insecure: serving.Insecure = False,
    server: doctoring.ServerToo = "",
    tls: door.Tls = False,
    tls_ca: door.TlsCa = None,
    token_file: door.TokenFile = None,
    quick: doctoring.Quick = False,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Look at this machine, and say what would stand in a server's way and what would help.

    It takes the flags of vau serve, and recommends others. 1 means that a check has found a
    problem.
    """
    from vau.commands.doctor.advice import advise
    from vau.commands.doctor.check import Asked
    from vau.commands.doctor.course import checks
    from vau.commands.doctor.machine import cpu_quota
    from vau.commands.doctor.report import facts, lines
    from vau.commands.serve import with_boards

    shown = (tls_cert, tls_key) if server else (None, None)
    asked = Asked(
        listen=listen,
        metrics_listen=metrics_listen,
        models=tuple(model),
        backends=tuple(with_boards(backend, board)),
        max_streams=max_streams,
        web_listen=(web_listen or flags.DEFAULT_WEB) if web else "",
        web_origins=tuple(web_origin),
        insecure=insecure,
        tls_cert=None if server else tls_cert,
        tls_key=None if server else tls_key,
        tls_client_ca=tls_client_ca,
        tokens=tokens,
        resume_key_file=resume_key_file,
        server=server,
        access={
            "tls": tls,
            "tls_ca": tls_ca,
            "tls_cert": shown[0],
            "tls_key": shown[1],
            "token_file": token_file,
        },
        is_quick=quick,
    )
    carried: dict[str, int] = {}
    tell = inform if sys.stderr.isatty() and not as_json else lambda _: None
    found = checks(asked, carried, lambda name: tell(f"looking at {name}"))
    is_busy = any(each.name == "machine.load" and each.status != "ok" for each in found)
    advice = advise(asked, carried, cpu_quota(), is_busy=is_busy)
    print(
        json.dumps(facts(found, advice)) if as_json else "\n".join(lines(found, advice)),
        flush=True,
    )
    return SOME_FAILED if any(each.status == "problem" for each in found) else DONE
