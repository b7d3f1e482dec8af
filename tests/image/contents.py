"""What is in an image: its layers and settings, as ``docker save`` packs them."""

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

OF_A_BUILDER: Final = re.compile(
    r"""
    etc/(apt/(sources\.list|apt\.conf)|pip\.conf|resolv\.conf|hostname|hosts)
    | etc/(xdg/pip|ssl/certs)/.+
    | (root|home/[^/]+)/\.(cache|config|netrc|pip|npmrc).*
    | (run|tmp|var/tmp|src|wheels|var/lib/apt/lists|usr/local/share/ca-certificates)/.+
    """,
    re.VERBOSE,
)
"""Paths of files that a builder may have, and an image may not."""
SBOM: Final = "usr/share/doc/vau/sbom.cdx.json"
LABEL: Final = "org.opencontainers.image."
CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\s*MI")
OF_GRPC: Final = "grpc/_cython/_credentials/roots.pem"  # gRPC's own wheel


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or link of a layer."""

    layer: int
    path: str
    """Without a slash at its beginning."""
    size_bytes: int
    content: bytes


@dataclass(frozen=True)
class Archive:
    """An image in one file. Its layers, lowest first, are not compressed."""

    path: Path

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        (manifest,) = json.loads(self._member("manifest.json"))
        return dict(manifest)

    def _member(self, name: str) -> bytes:
        with tarfile.open(self.path) as tar:
            found = tar.extractfile(name)
            assert found is not None
            return found.read()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the image says of itself, in the Docker image format."""
        return dict(json.loads(self._member(self._manifest["Config"])))

    @property
    def config(self) -> dict[str, Any]:
        """Entrypoint, Cmd, Env, User, Healthcheck and Labels."""
        return dict(self.settings["config"])

    @property
    def layers(self) -> int:
        """How many there are."""
        return len(self._manifest["Layers"])

    def entries(self, layer: int) -> Iterator[Entry]:
        """Yield what a layer holds."""
        with tarfile.open(self.path) as tar:
            inner = tar.extractfile(self._manifest["Layers"][layer])
            with tarfile.open(fileobj=inner, mode="r:") as files:
                for member in files:
                    opened = files.extractfile(member) if member.isreg() else None
                    content = opened.read() if opened else b""
                    path = member.name.removeprefix("./").strip("/")
                    yield Entry(layer, path, len(content), content)

    def read(self, path: str) -> bytes:
        """Return a file, from the highest layer that has it."""
        for layer in reversed(range(self.layers)):
            for entry in self.entries(layer):
                if entry.path == path:
                    return entry.content
        raise FileNotFoundError(path)


def unpacked_bytes(archive: Archive) -> list[int]:
    """Return what the files of each layer take, unpacked."""
    return [
        sum(entry.size_bytes for entry in archive.entries(layer))
        for layer in range(archive.layers)
    ]


def betrays(entry: Entry, words: Sequence[bytes]) -> str | None:
    """Say what a file tells of the machine that the image was built on; None if nothing."""
    if not entry.size_bytes:
        return None
    if OF_A_BUILDER.fullmatch(entry.path):
        return "is a builder's own"
    if entry.layer and entry.path.startswith("etc/apt/"):
        return "is not the base's"
    if CERTIFICATE.search(entry.content) and not entry.path.endswith(OF_GRPC):
        return "has certificates"
    named = [word.decode() for word in words if word in entry.content]
    return f"names {', '.join(named)}" if named else None


def leaks(archive: Archive, words: Sequence[str]) -> list[str]:
    """Return what of its builder is left in any layer, or in the settings.

    words: what no file may name: the builder's hosts and folders.
    """
    encoded = [word.encode() for word in words]
    left = [
        f"layer {layer}: /{entry.path} {why}"
        for layer in range(archive.layers)
        for entry in archive.entries(layer)
        if (why := betrays(entry, encoded))
    ]
    settings = json.dumps(archive.settings)
    return left + [f"the settings name {word}" for word in words if word in settings]


def packages(archive: Archive) -> dict[str, str]:
    """Return name and version of what the image's list of its parts names, without sources."""
    parts = json.loads(archive.read(SBOM))["components"]
    return {
        part["purl"].partition("@")[0]: part["version"]
        for part in parts
        if "purl" in part and not part["purl"].endswith("?arch=source")
    }


def unlisted(archive: Archive) -> list[str]:
    """Return what is installed, of Debian and of Python, and missing in that list."""
    listed = {purl.removeprefix("pkg:") for purl in packages(archive)} | {"pypi/vau"}
    status = archive.read("var/lib/dpkg/status").decode()
    debian = {
        f"deb/debian/{name}" for name in re.findall(r"^Package: (.+)$", status, re.MULTILINE)
    }
    paths = (entry.path for layer in range(archive.layers) for entry in archive.entries(layer))
    python = {
        f"pypi/{found[1].lower().replace('_', '-')}"
        for path in paths
        if (found := re.search(r"/([^/]+)-[^/-]+\.dist-info/METADATA$", path))
    }
    return sorted((debian | python) - set(map(unquote, listed)))


def labels(archive: Archive) -> dict[str, str]:
    """Return the labels whose names the Open Container Initiative gives, by their last part."""
    found = archive.config["Labels"]
    return {
        name.removeprefix(LABEL): value
        for name, value in found.items()
        if name.startswith(LABEL)
    }
