"""The C of decoder and kernels: what compiles it, what carries it, what is left without it."""

import json
import re
import subprocess
import sys
import tarfile
import wave
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.packaging import (
    COMPILER,
    EXTENSIONS,
    HEADERS,
    IN_C,
    PYPROJECT,
    ROOT,
    build_wheel,
    can_compile,
    copy_tree,
    install,
    names_in,
    names_of_tree,
    needs_compiler,
    run,
)

MODULES: Final[list[dict[str, Any]]] = PYPROJECT["tool"]["setuptools"]["ext-modules"]
SHARED: Final = (ROOT / "backends/vau_backends/native", ROOT / "service/vau/native")
NATIVES: Final = [root / folder / "native" for folder, root in IN_C.items()]
SOURCES: Final = [(module, source) for module in MODULES for source in module["sources"]]
PORTABLE: Final = "vau_backends.muntaniala.kernel"
"""Whose C has a tier for any processor."""

WARNINGS: Final = ("-Werror", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion")


def in_tree(paths: list[Path]) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in paths}


def including(module: dict[str, Any]) -> list[str]:
    return [f"-I{folder}" for folder in module["include-dirs"]]


# --- the compiler -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "native"), list(zip(MODULES, NATIVES, strict=True)), ids=list(IN_C)
)
def test_every_file_of_c_is_compiled_and_every_header_watched(
    module: dict[str, Any], native: Path
) -> None:
    shared = [ROOT / folder for folder in module["include-dirs"]]
    assert set(shared) <= set(SHARED)
    headers = [path for folder in (native, *shared) for path in folder.glob("*.h")]
    assert set(module["sources"]) == in_tree(list(native.glob("*.c")))
    assert set(module["depends"]) == in_tree(headers)


@pytest.mark.parametrize("module", MODULES, ids=list(IN_C))
def test_no_flag_asks_for_the_instructions_of_the_machine_that_builds(
    module: dict[str, Any],
) -> None:
    assert [flag for flag in module["extra-compile-args"] if flag.startswith("-m")] == []


def test_no_line_of_c_is_longer_than_a_hundred_columns() -> None:
    files = [path for native in (*SHARED, *NATIVES) for path in native.glob("*.[ch]")]
    assert len(files) > 20
    lines = [(path.name, line) for path in files for line in path.read_text().splitlines()]
    assert [(name, line) for name, line in lines if len(line) > 100] == []


@needs_compiler
@pytest.mark.parametrize(("module", "source"), SOURCES, ids=[path for _, path in SOURCES])
def test_the_compiler_has_nothing_to_say(
    module: dict[str, Any], source: str, tmp_path: Path
) -> None:
    flags = [*module["extra-compile-args"], *WARNINGS, "-fPIC", "-isystem", HEADERS]
    made = tmp_path / "made.o"
    run(*COMPILER, *flags, *including(module), "-c", source, "-o", made, cwd=ROOT)


@needs_compiler
def test_the_portable_tier_is_compiled_to_no_instruction_of_another(tmp_path: Path) -> None:
    """Registers of AVX are named ymm and zmm; a processor without them must run this file."""
    assembly = tmp_path / "portable.s"
    (module,) = [each for each in MODULES if each["name"] == f"{PORTABLE}._native"]
    source = ROOT / "backends" / PORTABLE.replace(".", "/") / "native/portable.c"
    flags = [*module["extra-compile-args"], *including(module)]
    run(*COMPILER, *flags, "-S", source, "-o", assembly, cwd=ROOT)
    assert re.findall(r"%[yz]mm\d+", assembly.read_text()) == []


# --- the source archive -----------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_tree(tmp_path_factory.mktemp("source"))
    build = (sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir")
    run(*build, source / "made", source, cwd=source)
    return next((source / "made").glob("*.tar.gz"))


def test_the_source_archive_holds_all_the_c(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    every = [path for native in (*SHARED, *NATIVES) for path in native.iterdir()]
    assert in_tree(every) <= names


def test_the_source_archive_builds_the_wheel_of_the_tree(archive: Path, tmp_path: Path) -> None:
    built = names_in(build_wheel(archive, tmp_path))
    assert built == names_of_tree() | (EXTENSIONS if can_compile() else set())


# --- without a compiler -----------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel_without_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_tree(tmp_path_factory.mktemp("source"))
    return build_wheel(source, tmp_path_factory.mktemp("wheels"), CC="false")


@pytest.fixture(scope="module")
def without_c(wheel_without_c: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel_without_c, tmp_path_factory.mktemp("without_c"))


def test_without_a_compiler_the_wheel_has_all_but_the_extension(wheel_without_c: Path) -> None:
    assert names_in(wheel_without_c) == names_of_tree()


@pytest.mark.parametrize("kind", ["muntaniala", "rpu"])
def test_without_a_compiler_the_only_tier_is_numpy_and_it_says_why(
    kind: str, without_c: Path
) -> None:
    probe = f"from vau_backends.{kind} import kernel as k; print(k.tiers(), k.compiled.WHY_NOT)"
    said = run(without_c / "bin/python", "-c", probe, cwd=without_c)
    assert said.startswith("('numpy',) the C kernel was not built with this installation")


def test_asking_for_a_tier_that_was_not_built_says_why_it_is_not_there(
    without_c: Path,
) -> None:
    probe = "from vau_backends.muntaniala.kernel import choose; choose()"
    done = subprocess.run(
        [without_c / "bin/python", "-c", probe],
        env={"VAU_KERNEL": "portable"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "VAU_KERNEL=portable: the C kernel was not built" in done.stderr
    assert "take one of numpy" in done.stderr


def test_without_a_compiler_the_command_computes_the_same_bits(
    without_c: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(5).integers(-3000, 3000, 16_000).astype("<i2")
    with wave.open(str(tmp_path / "noise.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(noise.tobytes())

    def digest_of_logits(home: Path) -> str:
        run(home / "bin/vau", "transcribe", "noise.wav", "--out", "heard", cwd=tmp_path)
        summary = json.loads((tmp_path / "heard/noise.jsonl").read_text().splitlines()[-1])
        return str(summary["output_digest"])

    assert digest_of_logits(without_c) == digest_of_logits(Path(sys.prefix))
