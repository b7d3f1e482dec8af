"""What is looked for in an image, on images made up here; and what its Dockerfile says."""

import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.commands import ROOT
from tests.image.base import SOURCES, tidy
from tests.image.contents import (
    LABEL,
    SBOM,
    Archive,
    labels,
    leaks,
    packages,
    unlisted,
    unpacked_bytes,
)
from tests.image.lent import Lent, pip_settings, sources_of
from tests.image.look import LIMIT_BYTES, broken_promises, expected_labels
from tests.image.speech import read

COMMIT: Final = "0123456789abcdef"
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text()
PEM: Final = "-----BEGIN CERTIFICATE-----\nMIIB\n"
PARTS: Final = {
    "components": [
        {"name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2?arch=amd64"},
        {"name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2?arch=source"},
        {"name": "numpy", "version": "2.4", "purl": "pkg:pypi/numpy@2.4"},
        {"name": "Debian"},
    ]
}
BASE: Final = {
    "etc/apt/sources.list.d/debian.sources": SOURCES,
    "usr/lib/python3.11/ssl.py": '"-----BEGIN CERTIFICATE-----"',
}
TOP: Final = {
    SBOM: json.dumps(PARTS),
    "etc/resolv.conf": "",
    "opt/vau/lib/grpc/_cython/_credentials/roots.pem": PEM,
}
KEPT: Final[dict[str, Any]] = {
    "beyond_base_bytes": LIMIT_BYTES - 1,
    "labels": expected_labels(COMMIT),
    "sbom": {"packages": 136, "missing": []},
    "has_torch": False,
    "leaks": [],
    "uid": 10001,
    "gid": 10001,
    "capabilities": 0,
    "no_new_privileges": True,
    "read_only_root": True,
    "has_page": True,
    "volume_uid": 10001,
    "tiers": "muntaniala:4x4=portable",
    "phones": "AE N D",
    "phones_equal": True,
    "digests_equal": True,
    "exit_status": 0,
    "hadolint": "clean",
}


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Return a tar of these files."""
    packing = io.BytesIO()
    with tarfile.open(fileobj=packing, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            data = content.encode() if isinstance(content, str) else content
            tar.addfile(member, io.BytesIO(data))
    return packing.getvalue()


def image(folder: Path, *layers: Mapping[str, str], env: Sequence[str] = ()) -> Archive:
    """Return an image of these layers, as ``docker save`` packs it."""
    config = {
        "Env": list(env),
        "Labels": {f"{LABEL}title": "vau", "io.buildah.version": "1.28.2"},
    }
    named = {f"{number}.tar": packed(files) for number, files in enumerate(layers)}
    manifest = [{"Config": "0.json", "Layers": list(named)}]
    head: dict[str, str | bytes] = {
        "manifest.json": json.dumps(manifest),
        "0.json": json.dumps({"config": config}),
    }
    path = folder / "image.tar"
    path.write_bytes(packed(head | named))
    return Archive(path)


def test_an_image_that_tells_nothing_of_its_builder_has_no_leaks(tmp_path: Path) -> None:
    assert leaks(image(tmp_path, BASE, TOP), ["mirror.example"]) == []


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/pip.conf", "[global]"),
        ("etc/xdg/pip/pip.conf", "[global]"),
        ("root/.config/pip/pip.conf", "[global]"),
        ("root/.cache/pip/http/0", "wheel"),
        ("etc/resolv.conf", "nameserver 10.0.0.1"),
        ("etc/apt/sources.list", "deb http://deb.debian.org/debian bookworm main"),
        ("var/lib/apt/lists/deb.debian.org_InRelease", "Origin: Debian"),
        ("usr/local/share/ca-certificates/own.crt", "no PEM"),
        ("etc/ssl/certs/ca-certificates.crt", "no PEM"),
        ("run/secrets/ca.crt", "no PEM"),
        ("opt/vau/lib/certifi/cacert.pem", PEM),
        ("opt/vau/pyvenv.cfg", "index = https://mirror.example/simple"),
    ],
)
def test_what_a_builder_leaves_in_any_layer_is_found(
    tmp_path: Path, path: str, content: str, layer: int
) -> None:
    files = [dict(BASE), dict(TOP)]
    files[layer] |= {path: content}
    (told,) = leaks(image(tmp_path, *files), ["mirror.example"])
    assert told.startswith(f"layer {layer}: /{path} ")


def test_what_a_later_layer_hides_is_found(tmp_path: Path) -> None:
    below = TOP | {"etc/pip.conf": "[global]"}
    above = {"etc/.wh.pip.conf": ""}
    assert leaks(image(tmp_path, BASE, below, above), []) == [
        "layer 1: /etc/pip.conf is a builder's own"
    ]


def test_settings_of_apt_are_the_base_s_alone(tmp_path: Path) -> None:
    lent = TOP | {"etc/apt/apt.conf.d/01autoremove": 'Acquire::Check-Date "false";'}
    (told,) = leaks(image(tmp_path, BASE, lent), [])
    assert "01autoremove is not the base's" in told


def test_the_settings_of_an_image_are_looked_into(tmp_path: Path) -> None:
    env = ["PIP_INDEX_URL=https://mirror.example/simple"]
    found = leaks(image(tmp_path, BASE, TOP, env=env), ["mirror.example"])
    assert found == ["the settings name mirror.example"]


def test_an_image_is_weighed_layer_by_layer(tmp_path: Path) -> None:
    layers = ({"a": "12345", "b": "1"}, {"a": "123"}, {".wh.b": ""})
    assert unpacked_bytes(image(tmp_path, *layers)) == [6, 3, 0]


def test_a_file_is_read_from_the_highest_layer_that_has_it(tmp_path: Path) -> None:
    assert image(tmp_path, {"a": "old"}, {"a": "new"}, {"b": "b"}).read("a") == b"new"


def test_packages_are_counted_once_and_their_sources_not_at_all(tmp_path: Path) -> None:
    found = packages(image(tmp_path, BASE, TOP))
    assert found == {"pkg:deb/debian/bash": "5.2", "pkg:pypi/numpy": "2.4"}


def test_what_is_installed_and_not_listed_is_found(tmp_path: Path) -> None:
    status = "Package: bash\nVersion: 5.2\n\nPackage: libstdc++6\n"
    there = {
        "var/lib/dpkg/status": status,
        "opt/vau/lib/site-packages/numpy-2.4.dist-info/METADATA": "",
        "opt/vau/lib/site-packages/vau-0.1.0.dist-info/METADATA": "",
        "opt/vau/lib/site-packages/typing_extensions-4.16.0.dist-info/METADATA": "",
    }
    found = unlisted(image(tmp_path, BASE, TOP | there))
    assert found == ["deb/debian/libstdc++6", "pypi/typing-extensions"]


def test_labels_are_those_of_the_open_container_initiative(tmp_path: Path) -> None:
    assert labels(image(tmp_path, BASE, TOP)) == {"title": "vau"}


def test_an_image_that_keeps_its_promises_has_broken_none() -> None:
    assert broken_promises(KEPT, COMMIT) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beyond_base_bytes", LIMIT_BYTES),
        ("labels", {}),
        ("sbom", {"packages": 0, "missing": []}),
        ("sbom", {"packages": 136, "missing": ["deb/debian/bash"]}),
        ("has_torch", True),
        ("leaks", ["layer 1: /etc/pip.conf is a builder's own"]),
        ("uid", 0),
        ("gid", 0),
        ("capabilities", 1),
        ("no_new_privileges", False),
        ("read_only_root", False),
        ("has_page", False),
        ("volume_uid", 0),
        ("tiers", "muntaniala:4x4=numpy"),
        ("phones", ""),
        ("phones_equal", False),
        ("digests_equal", False),
        ("exit_status", 143),
        ("hadolint", "Dockerfile:8 DL3008"),
    ],
)
def test_each_promise_is_missed_when_it_is_broken(name: str, value: object) -> None:
    assert len(broken_promises(KEPT | {name: value}, COMMIT)) == 1


def test_the_labels_of_the_dockerfile_are_those_of_the_project() -> None:
    found = dict(re.findall(rf'{re.escape(LABEL)}(\w+)="([^"]*)"', DOCKERFILE))
    assert found == expected_labels("$REVISION")


def test_the_image_does_not_run_as_root() -> None:
    _, _, last = DOCKERFILE.rpartition("\nFROM ")
    assert re.findall(r"^USER (.+)$", last, re.MULTILINE) == ["10001"]


def test_every_stage_stands_on_one_debian() -> None:
    first, *others = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert first == "debian:12-slim"
    assert set(others) == {"python"}


def test_what_the_dockerfile_copies_from_this_folder_gets_past_dockerignore() -> None:
    admitted = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (requirements/.+) requirements/$", DOCKERFILE, re.MULTILINE)
    names = " ".join(copied).split()
    assert names
    assert [name for name in names if f"!{name}" not in admitted] == []


def test_secrets_are_lent_to_one_step_and_none_is_a_build_argument() -> None:
    assert re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE) == ["REVISION"]
    assert re.findall(r"^ENV (.+)$", DOCKERFILE, re.MULTILINE) == [
        "PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1",
        "PATH=/opt/vau/bin:$PATH PYTHONUNBUFFERED=1",
    ]


def test_the_base_keeps_nothing_of_the_machine_that_made_it(tmp_path: Path) -> None:
    kept = ("usr/share/doc/bash/copyright", "usr/bin/bash")
    dropped = (
        *("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list", "dev/null"),
        *("var/log/bootstrap.log", "var/lib/apt/lists/mirror.example_InRelease"),
        *("usr/share/man/man1/bash.1.gz", "usr/share/doc/bash/NEWS.gz"),
    )
    folders = ("etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/dpkg/dpkg.cfg.d")
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    for name in (*kept, *dropped):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mirror.example")
    tidy(tmp_path)
    assert [name for name in dropped if (tmp_path / name).exists()] == []
    assert [name for name in kept if not (tmp_path / name).exists()] == []
    assert (tmp_path / "etc/apt/sources.list.d/debian.sources").read_text() == SOURCES


def test_pip_lends_where_it_gets_packages_and_nothing_of_this_disk() -> None:
    told = (
        "global.cert='/etc/ssl/own.crt'\n"
        "global.constraint='/etc/constraints.txt'\n"
        "global.index-url='https://old.example/simple'\n"
        "global.extra-index-url='file:///opt/simple'\n"
        ":env:.index-url='https://mirror.example/simple'\n"
    )
    assert pip_settings(told) == {
        "cert": "/etc/ssl/own.crt",
        "index-url": "https://mirror.example/simple",
    }


def test_apt_lends_its_sources_of_debian_12_and_no_others() -> None:
    told = (
        "http://mirror.example/debian/ bookworm main\n"
        "http://mirror.example/debian/ bookworm contrib\n"
        "http://mirror.example/debian/ bookworm-updates main\n"
        "https://other.example/ nodistro main\n"
    )
    mirror = "http://mirror.example/debian"
    assert sources_of(told) == [(mirror, "bookworm"), (mirror, "bookworm-updates")]


def test_a_machine_of_another_release_lends_debian_s_own_address() -> None:
    assert sources_of("http://mirror.example/debian/ trixie main\n") == [
        ("http://deb.debian.org/debian", "bookworm")
    ]


def test_what_is_lent_is_mounted_for_reading_or_is_a_secret(tmp_path: Path) -> None:
    lent = Lent(tmp_path, "http://mirror.example/debian", ("mirror.example",), True)
    volumes = [each for each in lent.options() if each.startswith("--volume=")]
    secrets = [each for each in lent.options() if each.startswith("--secret=")]
    assert all(each.endswith(":ro") for each in volumes)
    assert len(volumes) + len(secrets) == len(lent.options())
    names = re.findall(r"id=([\w.]+)", " ".join(secrets))
    assert names == re.findall(r"type=secret,id=([\w.]+)", DOCKERFILE)


def test_a_stream_and_a_transcript_of_the_same_are_equal() -> None:
    phone = {"symbol": "SIL", "start_sample": 0, "end_sample": 160, "confidence": 0.9}
    summary = {"type": "summary", "input_digest": "0a", "output_digest": "0b", "frames": 1}
    streamed = [{"type": "phone", **phone}, {**summary, "decoder": "viterbi"}]
    written = [{"type": "header"}, {"type": "segment", "phones": [phone]}, summary]
    first, second = ("\n".join(map(json.dumps, rows)) for rows in (streamed, written))
    assert read(first) == read(second)
    assert read(first).text == "·"
    assert read(first) != read(first.replace("0b", "0c"))
