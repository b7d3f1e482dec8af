"""The command line: every verb, and what becomes of what goes wrong in it.

What a verb takes is in ``vau.verbs``, and what it does in ``vau.commands``.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from vau.commands.flags.said import Verb
from vau.commands.standard_streams import (
    abandon_output,
    hold_standard_streams,
    why_unwritten,
)
from vau.errors import VauError
from vau.verbs import aligning, boards, doctor, live, measures, recordings, server
from vau.verbs.outcome import (
    DEFECT,
    DONE,
    INTERRUPTED,
    SOME_FAILED,
    TERMINATED,
    UNWRITTEN,
    USAGE,
    complain,
)

EPILOG: Final = """
Any flag may also stand in the environment (--chunk-ms as VAU_CHUNK_MS) or in the TOML file \
of --config (chunk-ms = 100). The command line goes first, then the environment, then the \
file. Which of its models and backends a server is to take is said on the command line alone.

Exit status: 0 done; 1 some files failed, bits differ, a check of doctor is a problem, or \
nobody read the output; 2 usage; \
3 model or backend unusable; 4 audio unreadable; 5 server unreachable or lost, or it ended \
the stream; 6 refused: no slot is free, no right or no quota; 70 a defect of ours; \
74 the output cannot be written; 130 interrupted; 143 terminated.
"""


class Verbs(TyperGroup):
    """Verbs of which one must be named: who names none is shown them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Raise typer.Exit after help that nobody asked for."""
        if not args:
            print(ctx.get_help(), file=sys.stderr)
            raise typer.Exit(USAGE)
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Verbs,
    help="Phonemes from speech, live, on recurrent-network accelerators.",
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: half the height, and it can be copied
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)


def main() -> int:
    """Run the command line and return its exit status."""
    hold_standard_streams()
    signal.signal(signal.SIGTERM, _terminated)
    # Threads of BLAS only wait for each other over matrices as small as ours: many times
    # slower once the cores are busy. It looks at this when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # gRPC would write lines of its own between ours, which are JSON; what they say of a call,
    # its status says too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        status = app(prog_name="vau", standalone_mode=False)
        sys.stdout.flush()
    except VauError as error:
        return complain(error)
    except typer.TyperException as error:
        print(f"vau: error: {error.format_message()} (see --help)", file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # at the last flush; before it, typer does the same
        abandon_output()
        return SOME_FAILED
    except Exception as error:  # noqa: BLE001 - a defect: whoever repairs it must see where
        if isinstance(error, OSError) and (why := why_unwritten(error)):
            print(f"vau: error: the output cannot be written: {why}", file=sys.stderr)
            abandon_output()
            return UNWRITTEN
        traceback.print_exc()
        return DEFECT
    return int(status or DONE)


def _terminated(_number: int, _frame: object) -> None:
    raise SystemExit(TERMINATED)  # rather than die: what is open gets closed


def _print_version(wanted: bool) -> None:
    if wanted:
        from vau.config import version  # noqa: PLC0415 - it takes numpy with it

        print(f"vau {version()}")
        raise typer.Exit


@app.callback()
def vau(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Phonemes from speech, live, on recurrent-network accelerators."""


def _group(name: str, help_text: str, verbs: dict[str, Callable[..., Any]]) -> None:
    group = typer.Typer(cls=Verbs, help=help_text, rich_markup_mode=None)
    for verb, run in verbs.items():
        group.command(verb, cls=Verb)(run)
    app.add_typer(group, name=name)


for each in (
    server.serve,
    live.stream,
    recordings.transcribe,
    aligning.align,
    measures.evaluate,
    recordings.verify,
    recordings.compare,
    recordings.plot,
    measures.estimate,
    recordings.features,
    server.backends,
    live.demo,
    server.token,
    doctor.doctor,
):
    app.command(cls=Verb)(each)
_group("bench", "Measure how fast it is, on this machine.", {"serve": measures.bench_serve})
_group(
    "board",
    "Boards of dies: what is plugged in, virtual ones, and their tests.",
    {
        "list": boards.board_list,
        "serve": boards.board_serve,
        "check": boards.board_check,
        "selftest": boards.board_selftest,
        "chaos": boards.board_chaos,
    },
)


if __name__ == "__main__":
    sys.exit(main())
