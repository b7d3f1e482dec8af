"""What this machine lends to a build: where it gets packages from, and whom it believes.

All of it is mounted while the build runs, and none of it may stay in a layer.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.image.store import done

DEBIAN: Final = "http://deb.debian.org/debian"
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
AUTHORITY: Final = "/run/secrets/ca.crt"
"""Where the Dockerfile puts the secret ``ca.crt``."""
OF_PIP: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout")
LISTED: Final = ("--format=$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
PUBLIC: Final = {"deb.debian.org", "pypi.org", "files.pythonhosted.org"}


def sources_of(told: str) -> list[tuple[str, str]]:
    """Return address and suite of each part of Debian 12 that apt told of."""
    sources = [
        (address.rstrip("/"), suite)
        for address, suite, component in (line.split() for line in told.splitlines())
        if suite.startswith("bookworm") and component == "main"
    ]
    return list(dict.fromkeys(sources)) or [(DEBIAN, "bookworm")]


def stanza(address: str, suite: str) -> str:
    """Return a source of packages as apt reads it from a file that ends in .sources."""
    return f"""\
Types: deb
URIs: {address}
Suites: {suite}
Components: main
Signed-By: {KEYRING}
"""


def pip_settings(told: str) -> dict[str, str]:
    """Return what ``pip config list`` told of where packages come from."""
    said = {
        origin: dict(re.findall(rf"^{origin}\.([\w-]+)='(.*)'$", told, re.MULTILINE))
        for origin in ("global", "user", "site", ":env:")  # the last has its way, as in pip
    }
    settings = {name: value for each in said.values() for name, value in each.items()}
    return {
        name: value
        for name, value in settings.items()
        if name == "cert" or (name in OF_PIP and not value.startswith("file:"))
    }


def authority_of(settings: Mapping[str, str]) -> Path | None:
    """Return the file of the authorities that this machine believes, if it names one."""
    named = [
        settings.get("cert"),
        *map(os.environ.get, ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")),
    ]
    return next((Path(name) for name in named if name), None)


def host_of(address: str) -> str:
    """Return the host of an address, the empty string where it has none."""
    return urlsplit(address).hostname or ""


@dataclass(frozen=True, slots=True)
class Lent:
    """A folder with these settings, and what must never be found in the image."""

    folder: Path
    mirror: str
    hosts: tuple[str, ...]
    """Hosts that are this machine's own choice, no package's."""
    has_authority: bool

    @classmethod
    def gather(cls, folder: Path) -> "Lent":
        """Write the settings into ``folder``, which is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sources = sources_of(done(["apt-get", "indextargets", *LISTED]))
        settings = pip_settings(done([sys.executable, "-m", "pip", "config", "list"]))
        (folder / "debian.sources").write_text("\n".join(stanza(*each) for each in sources))
        acquired = [
            line
            for line in done(["apt-config", "dump"]).splitlines()
            if line.startswith(("Acquire::Check-", "Acquire::http", "Acquire::Retries"))
        ]
        (folder / "apt.conf").write_text("\n".join(acquired) + "\n")
        authority = authority_of(settings)
        if authority:
            shutil.copyfile(authority, folder / "ca.crt")
            settings["cert"] = AUTHORITY
        section = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (folder / "pip.conf").write_text(f"[global]\n{section}")
        addresses = [at for at, _ in sources] + " ".join(settings.values()).split()
        hosts = dict.fromkeys(filter(None, map(host_of, addresses)))
        return cls(
            folder,
            next((at for at, suite in sources if suite == "bookworm"), DEBIAN),
            tuple(host for host in hosts if host not in PUBLIC),
            authority is not None,
        )

    def options(self) -> list[str]:
        """Return the options by which ``buildah build`` mounts all this, for reading."""
        volumes = {
            "debian.sources": "/etc/apt/sources.list.d/debian.sources",
            "apt.conf": "/etc/apt/apt.conf.d/01autoremove",
        }
        secrets = ["pip.conf", *["ca.crt"] * self.has_authority]
        return [
            *(f"--volume={self.folder / name}:{at}:ro" for name, at in volumes.items()),
            *(f"--secret=id={name},src={self.folder / name}" for name in secrets),
        ]
