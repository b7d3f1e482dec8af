"""The image, built by buildah, packed into one file, and laid out as a tree of files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import ROOT
from tests.image.contents import Archive
from tests.image.lent import Lent
from tests.image.store import NotDone, Store, done, say

NAME = "vau"


def revision() -> str:
    """Return the commit of this folder; the empty string where there is no git to tell."""
    try:
        return done(["git", "-C", ROOT, "rev-parse", "HEAD"]).strip()
    except (NotDone, FileNotFoundError):
        return ""


def build(store: Store, lent: Lent, commit: str) -> None:
    """Build the image in the store, labelled with this commit."""
    say("building the image")
    store.buildah("rm", "--all")  # of a build that was ended
    store.buildah(
        "build",
        "--format=docker",  # the other one has no HEALTHCHECK
        "--pull=never",
        f"--tag={NAME}",
        f"--build-arg=REVISION={commit}",
        *lent.options(),
        ROOT,
    )
    store.buildah("rmi", "--prune")  # the image before this one


def packed(store: Store) -> Archive:
    """Return the image as one file, which ``docker load`` takes."""
    path = store.folder / "vau.tar"
    path.unlink(missing_ok=True)  # buildah does not write over one
    store.buildah("push", NAME, f"docker-archive:{path}:{NAME}:latest")
    return Archive(path)


@contextmanager
def laid_out(store: Store) -> Iterator[Path]:
    """Lend the folder in which all of the image's files lie."""
    container = store.buildah("from", "--pull=never", NAME)
    try:
        yield Path(store.buildah("mount", container))
    finally:
        store.buildah("rm", container)
