"""Complaints name a setting as it was given: as a flag, in the environment or in a file."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import vau
from vau.cli import app, main
from vau.commands.flags.said import Verb, given_as, said
from vau.config import ServerConfig
from vau.door.config import DoorConfig
from vau.estimate import Ask
from vau.lane import Batching

ROOT: Final[Any] = typer.main.get_command(app)
NO_FLAGS: Final = {"door", "network", "instance", "frame_hz"}  # no flag, or of --array


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """Return a function that runs a command that cannot be meant, and returns its complaint."""

    def run(line: str, **variables: str) -> str:
        monkeypatch.setattr(sys, "argv", ["vau", *line.split()])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert main() == 2
        out, err = capsys.readouterr()
        assert out == ""
        (text,) = err.splitlines()
        return text.removeprefix("vau: error: ").removesuffix(" (see --help)")

    return run


@pytest.fixture
def settings(tmp_path: Path) -> Any:  # noqa: ANN401
    """Return a function that writes a file of settings, and returns where."""

    def write(text: str) -> Path:
        file = tmp_path / "vau.toml"
        file.write_text(text)
        return file

    return write


def context_of(*line: str) -> Any:  # noqa: ANN401
    """Return the context of a command that was called so."""
    context = ROOT.make_context("vau", list(line))
    name, command, rest = context.command.resolve_command(context, list(line))
    return command.make_context(name, rest, parent=context)


def all_commands(command: Any) -> list[Any]:  # noqa: ANN401
    inner = getattr(command, "commands", {}).values()
    return [each for one in inner for each in all_commands(one)] if inner else [command]


def test_every_command_says_it_so() -> None:
    commands = all_commands(ROOT)
    assert len(commands) > 10
    assert [each.name for each in commands if not isinstance(each, Verb)] == []


# --- what refuses a setting after all were read -----------------------------------------


def test_a_flag_is_named_as_it_was_typed(complaint: Any) -> None:  # noqa: ANN401
    expected = "--drain-grace -1 must be 0 or more and finite"
    assert complaint("serve --drain-grace -1") == expected
    assert complaint("serve --drain-grace=-1") == expected


def test_a_variable_is_named_with_what_it_holds(complaint: Any) -> None:  # noqa: ANN401
    assert complaint("serve", VAU_DRAIN_GRACE="-1") == (
        "VAU_DRAIN_GRACE=-1 must be 0 or more and finite"
    )


def test_a_file_is_named_with_its_key(complaint: Any, settings: Any) -> None:  # noqa: ANN401
    file = settings("drain-grace = -1\n")
    assert complaint(f"serve --config {file}") == (
        f"drain-grace = -1 in {file} must be 0 or more and finite"
    )
    assert complaint("serve", VAU_CONFIG=str(file)).startswith(f"drain-grace = -1 in {file} ")


def test_what_goes_first_is_what_is_named(complaint: Any, settings: Any) -> None:  # noqa: ANN401
    file = settings("drain-grace = -1\n")
    line = f"serve --config {file}"
    assert complaint(line, VAU_DRAIN_GRACE="-2").startswith("VAU_DRAIN_GRACE=-2 must")
    assert complaint(f"{line} --drain-grace -3").startswith("--drain-grace -3 must")


def test_a_value_has_the_unit_in_which_it_was_typed(complaint: Any) -> None:  # noqa: ANN401
    assert complaint("serve --slow-stream-ms -1").startswith("--slow-stream-ms -1 must be 0")
    assert complaint("serve --max-wait-ms -1").startswith("--max-wait-ms -1 is outside")
    assert complaint("estimate --clock-mhz -4").startswith("--clock-mhz -4 is outside")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serve --tls-cert a", "--tls-key: is not given; TLS takes --tls-cert and --tls-key"),
        ("serve --listen 0.0.0.0:0", "give --tls-cert and --tls-key, or say --insecure if it"),
        ("serve --listen 0.0.0.0:0", "--listen 0.0.0.0:0 is plaintext"),
        ("serve --listen 127.0.0.1:99999", "has port 99999, and ports are 0..65535"),
        ("serve --metrics-listen h:65536", "--metrics-listen h:65536 has port 65536, and"),
        ("serve --closed-health", "--closed-health: is for holders of a token"),
        ("backends --server h:70000", "--server h:70000 has port 70000, and"),
        ("backends --server h:1 --tls-cert a", "takes --tls-cert and --tls-key"),
        ("token a --max-streams -1", "--max-streams -1 must be 0 or more"),
        ("estimate --backend rpu --chunk-frames 50", "--chunk-frames 50: rpu takes 16"),
        ("estimate --backend rpu:resident --streamed", "--streamed: rpu:resident says"),
    ],
)
def test_settings_are_named_as_flags(complaint: Any, line: str, expected: str) -> None:  # noqa: ANN401
    assert expected in complaint(line)


def test_the_address_of_the_page_is_named_though_nobody_gave_it() -> None:
    text = "web_listen='127.0.0.1:8080': Address already in use; choose another address"
    expected = text.replace("web_listen='127.0.0.1:8080'", "--web-listen 127.0.0.1:8080")
    assert said(context_of("serve", "--web"), text, "web_listen") == expected
    given = context_of("serve", "--web", "--web-listen", "localhost:8080")
    assert said(given, text, "web_listen").startswith("--web-listen localhost:8080: Address")


def test_every_setting_of_a_server_has_its_flag() -> None:
    context = context_of("serve")
    names = [
        each.name for kind in (ServerConfig, DoorConfig, Batching) for each in fields(kind)
    ]
    for name in set(names) - NO_FLAGS:
        assert said(context, f"{name}=1 is bad", name).startswith("--"), name
        assert said(context, f"{name}: is bad", name).startswith("--"), name


def test_every_figure_of_an_estimate_has_its_flag() -> None:
    context = context_of("estimate")
    for name in {each.name for each in fields(Ask)} - NO_FLAGS:
        assert said(context, f"{name}=1: is bad", name).startswith("--"), name


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("config.model", "--model: bad"),
        ("config.endpointing.end_silence", "--end-silence: bad"),
        ("config.fallback_backends[1]", "--fallback-backend: bad"),
        ("config.output.nothing", "config.output.nothing: bad"),
        ("config.recognition.backend", "--backend: bad"),
        ("config.recognition.output.encoding", "--logits: bad"),
        ("config.audio_format.encoding", "config.audio_format.encoding: bad"),
        ("config.checkpoint_interval", "--resume: bad"),
        ("decoder.model", "decoder.model: bad"),
    ],
)
def test_what_a_server_refuses_is_named_as_it_was_asked_for(field: str, expected: str) -> None:
    assert said(context_of("stream", "a.wav"), f"{field}: bad", field) == expected


def test_of_several_values_the_one_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,  # noqa: ANN401
) -> None:
    text = "backend='rpu:x': no such instance"

    def named(*line: str) -> str:
        return said(context_of("serve", *line), text, "backend")

    file = settings('backend = ["float", "rpu:x"]\n')
    assert (
        named("--backend", "float", "--backend", "rpu:x") == "--backend rpu:x: no such instance"
    )
    assert named("--config", str(file)) == f'backend = "rpu:x" in {file}: no such instance'
    monkeypatch.setenv("VAU_BACKEND", "float rpu:x")
    assert named() == "VAU_BACKEND=rpu:x: no such instance"


def test_what_only_looks_like_a_setting_stays() -> None:
    context = context_of("serve")
    for text in (
        "a/tls_key is gone",
        "'tls_key' is gone",
        "tls_key.pem is gone",
        "a line is 'name [max_streams=64]', as in \"max_streams=64\"",
        "no_such_setting=1 is bad",
        "listen well",
        "tokens: line 3",
    ):
        assert said(context, text) == text


@given(st.text(max_size=40))
def test_a_text_without_settings_is_not_changed(text: str) -> None:
    plain = text.replace("_", " ").replace("=", " ")
    assert said(context_of("serve"), plain) == plain


def test_an_opposite_and_a_value_that_wants_quotes_are_shown_as_typed() -> None:
    context = context_of("stream", "--no-pace", "--device", "USB Audio", "a.wav")
    options = {each.name: each for each in context.command.params}
    assert given_as(context, options["pace"]).with_value == "--no-pace"
    assert given_as(context, options["resume"]).with_value == "--resume"
    assert given_as(context, options["device"]).with_value == "--device 'USB Audio'"


# --- what cannot be read at all -----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serve --drain-grace soon", "--drain-grace soon is no number"),
        ("serve --max-batch-size 1.5", "--max-batch-size 1.5 is no whole number"),
        ("serve --max-audio-message 1", "--max-audio-message 1 is less than 2"),
        ("stream a --chunk-ms 2001", "--chunk-ms 2001 is more than 2000"),
        ("stream a --end-silence nan", "--end-silence nan is no number"),
        ("serve --log-level loud", "--log-level: 'loud' is not one of 'debug', 'info', "),
        ("serve --max-streams 0", "--max-streams: '0' is neither a number of streams nor"),
    ],
)
def test_a_value_of_another_kind_is_told_in_our_words(
    complaint: Any,  # noqa: ANN401
    line: str,
    expected: str,
) -> None:
    assert complaint(line).startswith(expected)


def test_a_variable_or_a_file_of_another_kind_is_named(complaint: Any, settings: Any) -> None:  # noqa: ANN401
    file = settings("drain-grace = [3]\n")
    assert complaint(f"serve --config {file}") == f"drain-grace = [3] in {file} is no number"
    file = settings('insecure = "maybe"\n')
    assert complaint(f"serve --config {file}") == (
        f'insecure = "maybe" in {file} is neither true nor false'
    )
    assert complaint("serve", VAU_INSECURE="maybe") == (
        "VAU_INSECURE=maybe is neither true nor false"
    )


def test_nothing_of_what_reads_values_shows_through() -> None:
    """Whatever it is that every setting of every command is given: a list of lists."""
    for command in all_commands(ROOT):
        for option in command.params:
            if (
                not getattr(option, "envvar", None)
                or option.name == "_config"
                or option.multiple
            ):
                continue
            needed = {each.name: "a,b" for each in command.params if each.required}
            arguments = ["a" for each in command.params if each.param_type_name == "argument"]
            context = typer.Context(command, default_map={**needed, option.name: [[1]]})
            context.params["_config"] = "vau.toml"
            with pytest.raises(typer.BadParameter) as refused:
                command.parse_args(context, arguments)
            text = refused.value.format_message()
            assert f"{option.opts[0].removeprefix('--')} " in text
            for word in ("Input", "Value error", "valid ", "unable to"):
                assert word not in text, text


# --- files of settings --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_streams = 3", "no flag is called max_streams; did you mean max-streams?"),
        ('"--listen" = "h:1"', "no flag is called --listen; did you mean listen?"),
        ("drain-grase = 3", "no flag is called drain-grase; did you mean drain-grace?"),
        ("[serve]\nlisten = 'h:1'", "[serve] is a table, and there are none here"),
        ("listen = { host = 'h' }", "[listen] is a table, and there are none here"),
    ],
)
def test_a_key_that_is_none_is_told_with_what_was_meant(
    complaint: Any,  # noqa: ANN401
    settings: Any,  # noqa: ANN401
    text: str,
    expected: str,
) -> None:
    file = settings(text)
    assert complaint(f"serve --config {file}").startswith(f"--config: {file}: {expected}")


def test_a_key_that_is_like_none_gets_a_list_of_this_command_alone(
    complaint: Any,  # noqa: ANN401
    settings: Any,  # noqa: ANN401
) -> None:
    file = settings("zzzzz = 3\n")
    assert complaint(f"features --config {file} a.wav").endswith(
        "no flag is called zzzzz; vau features has channel, kind, out"
    )


def test_a_file_may_hold_numbers_and_lists_where_a_flag_holds_text(settings: Any) -> None:  # noqa: ANN401
    file = settings("channel = 2\nformat = ['npz', 'jsonl']\nmax-streams = 3\n")
    context = context_of("transcribe", "--config", str(file), "a.wav")
    assert (context.params["channel"], context.params["formats"]) == (2, ("npz", "jsonl"))
    assert context_of("serve", "--config", str(file)).params["max_streams"] == 3


def test_a_list_of_one_value_is_none(complaint: Any, settings: Any) -> None:  # noqa: ANN401
    file = settings("listen = ['a:1']\n")
    assert complaint(f"serve --config {file}") == (
        f'listen = ["a:1"] in {file} is a list, and one value is wanted'
    )


def test_a_file_may_serve_all_commands(settings: Any) -> None:  # noqa: ANN401
    file = settings("drain-grace = 3\nkind = 'mfcc'\n")
    assert context_of("serve", "--config", str(file)).params["drain_grace"] == 3.0


@pytest.mark.parametrize("name", ["backend", "model"])
def test_a_list_of_nothing_is_refused_where_something_is_needed(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "vau.toml"
    file.write_text(f"{name} = []")
    done = vau("serve", "--config", file)
    assert done.returncode == 2
    assert f"{name} = [] in {file}: name at least one" in done.stderr


def test_what_nobody_gave_is_not_named_in_a_message_about_a_file(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("alice " + "0" * 64 + " max_stream=3\n")
    tokens.chmod(0o600)
    done = vau("serve", "--tokens", tokens)
    assert "max_streams=" in done.stderr
    assert "--max-streams 64" not in done.stderr
