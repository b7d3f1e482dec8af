"""Token files, and the secrets of those in them."""

from pathlib import Path
from typing import Any

from vau.client import Access
from vau.door.tokens import Holder, mint


class Guests:
    """A token file, and the secrets of those in it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tokens"
        self._folder = folder
        self._lines: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.add("alice")

    def add(self, name: str, **limits: Any) -> Access:  # noqa: ANN401
        minted = mint(Holder(name=name, **limits))
        self._lines[name] = minted.line
        self.secrets[name] = minted.secret
        self._write()
        return self.access(minted.secret)

    def remove(self, name: str) -> None:
        del self._lines[name]
        self._write()

    def access(self, secret: str) -> Access:
        file = self._folder / f"secret-{len(list(self._folder.iterdir()))}"
        file.touch(0o600)
        file.write_text(secret + "\n")
        return Access(token_file=file)

    @property
    def alice(self) -> Access:
        return self.access(self.secrets["alice"])

    def _write(self) -> None:
        draft = self.file.with_suffix(".draft")
        draft.write_text("\n".join(self._lines.values()) + "\n")
        draft.replace(self.file)
