"""The base that the Dockerfile names, made by debootstrap where no registry has it to give.

A stand-in for Debian's own debian:12-slim: the same packages, documentation left out by the
same rules, the same sources of packages. What is built on it is as large on either.
"""

import shutil
from pathlib import Path
from typing import Final

from tests.image.lent import Lent
from tests.image.store import Store, done, say

NAME: Final = "docker.io/library/debian:12-slim"
LEFT_OUT: Final = """\
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
"""
CLEAN: Final = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
"""
SOURCES: Final = """\
Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
EMPTIED: Final = (
    *(f"usr/share/{name}" for name in ("info", "lintian", "locale", "man")),
    *("dev", "run", "tmp", "var/cache/apt", "var/lib/apt/lists", "var/log", "var/tmp"),
)


def tidy(root: Path) -> None:
    """Leave out documentation, and what debootstrap brought from the machine it ran on."""
    for name in EMPTIED:
        for entry in (root / name).glob("*"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    for entry in (root / "usr/share/doc").glob("*/*"):
        if entry.name != "copyright":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in ("etc/apt/sources.list", "etc/hostname", "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/apt/sources.list.d/debian.sources").write_text(SOURCES)
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(CLEAN)
    (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(LEFT_OUT)
    (root / "etc/dpkg/dpkg.cfg.d/docker-apt-speedup").write_text("force-unsafe-io\n")


def make_base(store: Store, lent: Lent) -> None:
    """Have the base in the store: the one made before, or a new one."""
    if store.buildah("images", "--quiet", "--filter", f"reference={NAME}"):
        return
    say("making the base with debootstrap")
    container = store.buildah("from", "scratch")
    root = Path(store.buildah("mount", container))
    done(["debootstrap", "--variant=minbase", "bookworm", root, lent.mirror])
    tidy(root)
    store.buildah("commit", "--format=docker", "--rm", container, NAME)
