"""The files of the page, read once: there is no path that leads anywhere else."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

TYPES: Final = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".json": "application/json",
        ".webmanifest": "application/manifest+json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".woff2": "font/woff2",
        ".txt": "text/plain; charset=utf-8",
    }
)
UNKNOWN: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it goes out."""

    content: bytes
    media_type: str
    tag: str
    """Another one for any other content."""

    def answer(self, request: Request) -> Response:
        """Send it, unless the browser has it already."""
        headers = {"ETag": self.tag}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def read_files() -> dict[str, File]:
    """Return the files of the page by name."""
    return {
        each.name: _file(each.name, each.read_bytes())
        for each in files("vau.web").joinpath("page").iterdir()
        if each.is_file()
    }


def _file(name: str, content: bytes) -> File:
    media_type = TYPES.get(PurePath(name).suffix, UNKNOWN)
    return File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
