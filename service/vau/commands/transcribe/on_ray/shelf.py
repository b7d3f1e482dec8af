"""A folder in any file system that fsspec knows: on this machine, in a store, on a server."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from posixpath import join
from typing import Final
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from vau.errors import ConfigInvalid
from vau.wholefile import Unwritable

STORES: Final = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"}
"""Protocols of object stores: they have no folders, and what is put there appears whole."""


class Shelf:
    """What a run reads and writes there. Paths are relative to it, with ``/`` between.

    Each method raises Unwritable if the file system does not do as it is told.
    """

    def __init__(self, url: str) -> None:
        """Name it; nothing is read or written yet.

        url: or the absolute path of a folder.
        Raises ConfigInvalid if nothing is installed that knows the protocol of ``url``.
        """
        self._shown = re.sub("//[^/@]*@", "//", url)  # without the password
        try:
            if url.startswith("/"):  # in a path :: is no chain of file systems
                self._system, self._root = LocalFileSystem(), url
            else:  # what another worker wrote a moment ago must be seen
                self._system, self._root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError, OSError) as cause:
            raise ConfigInvalid(
                f"out: {self._shown} cannot be opened: {cause}; name a folder, or install what "
                "fsspec needs for it (docs/ray.md)",
                field="out",
            ) from cause
        names = self._system.protocol
        self._is_store = not STORES.isdisjoint({names} if isinstance(names, str) else names)

    def prepare(self) -> None:
        """Make the folder, and find out whether it can be written to."""
        probe = f".probe.{uuid4().hex}"
        self.write(probe, b"")
        self.remove(probe)

    def read(self, at: str) -> bytes:
        """Return what is there; nothing if it is not."""
        with self._saying(at):
            try:
                return bytes(self._system.cat_file(self._path(at)))
            except FileNotFoundError:
                return b""

    def names(self, folder: str) -> list[str]:
        """Return the paths of the files in a folder, sorted; none if it is not there."""
        with self._saying(folder):
            try:
                found = self._system.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
            return sorted(join(folder, path.rpartition("/")[2]) for path in found)

    def write(self, at: str, content: bytes) -> None:
        """Write a file that is there whole or not at all."""
        with self._saying(at), self._whole(at) as path:
            self._system.pipe_file(path, content)

    def put(self, file: Path, at: str) -> None:
        """Copy a file of this machine there, whole or not at all."""
        with self._saying(at), self._whole(at) as path:
            self._system.put_file(str(file), path)

    def remove(self, at: str) -> None:
        """Remove a file."""
        with self._saying(at):
            self._system.rm_file(self._path(at))

    def remove_folder(self, at: str) -> None:
        """Remove a folder, if there is such a thing here and nothing is in it."""
        if not self._is_store:
            with suppress(Exception):  # somebody has put something there, or removed it
                self._system.rmdir(self._path(at))

    def sha256_of(self, at: str) -> str:
        """Return the digest of a file; of one that cannot be read, none that a file has."""
        with self._saying(at):
            try:
                with self._system.open(self._path(at), "rb") as opened:
                    digest = hashlib.sha256()
                    while piece := opened.read(1 << 20):
                        digest.update(piece)
                    return digest.hexdigest()
            except (OSError, ValueError):
                return ""

    def _path(self, at: str) -> str:
        return join(self._root, at)

    @contextmanager
    def _whole(self, at: str) -> Iterator[str]:
        """Yield where to write; elsewhere than in a store that is renamed behind the block."""
        path = self._path(at)
        if self._is_store:
            yield path
            return
        folder, _, name = path.rpartition("/")
        self._make(folder, levels=at.count("/"))
        temporary = f"{folder}/.{name}.{uuid4().hex}.tmp"
        try:
            yield temporary
            self._rename(temporary, path)
        except BaseException:
            with suppress(Exception):  # it may be there or not
                self._system.rm_file(temporary)
            raise

    def _make(self, folder: str, levels: int) -> None:
        """Make a folder, of whose last ``levels`` others may make any just now.

        Not every file system forgives that: ftp refuses a folder that is there.
        """
        try:
            self._system.makedirs(folder, exist_ok=True)
        except Exception:
            if self._system.isdir(folder):
                return
            if levels <= 1:
                raise
            self._make(folder, levels - 1)

    def _rename(self, temporary: str, path: str) -> None:
        """Rename a file over what may be there: smb refuses that, webhdfs says nothing."""
        is_there = self._system.exists
        try:
            self._system.mv(temporary, path)
        except Exception:
            if not (is_there(temporary) and is_there(path)):
                raise
        if is_there(temporary):
            with suppress(FileNotFoundError):
                self._system.rm_file(path)
            self._system.mv(temporary, path)
            if is_there(temporary):
                raise OSError(f"{temporary} was written, but cannot be renamed")

    @contextmanager
    def _saying(self, at: str) -> Iterator[None]:
        try:
            yield
        except Exception as cause:
            # Each file system has errors of its own, and few of them are OSErrors.
            raise Unwritable(
                f"out: {join(self._shown, at)}: {type(cause).__name__}: {cause}; see that it "
                "may be read and written from here, or choose another folder",
                field="out",
            ) from cause
