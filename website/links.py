"""Where the links of a document lead: as a file of the repository, and as a page of the site.

A document has to read well in a checkout, so its links are those of the files there:
``../ARCHITECTURE.md``, ``../deploy/alerts.yml``. On the site each of these is a page: documents
beside docs/ have an address of their own, and sources one below ``sources/``.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BESIDE: Final = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "overview.md",
}
"""Documents outside docs/ by their path, and their address as pages."""

SOURCES: Final = "sources/"
FENCE: Final = re.compile(r"(^ *(```|~~~).*?^ *\2 *$)", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<to>[^)\s]+)\)")


def targets(path: str) -> Iterator[str]:
    """Yield the path of each file that a document of the repository links to."""
    for link in LINK.finditer(FENCE.sub("", (ROOT / path).read_text("utf-8"))):
        if file := _file_of(link):
            yield _resolved(path, file)


def page_of(path: str) -> str:
    """Return the address of what has this path in the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return BESIDE.get(path, f"{SOURCES}{path}.md")


def path_of(uri: str) -> str:
    """Return the path in the repository of the document with this address."""
    return next((path for path, at in BESIDE.items() if at == uri), f"docs/{uri}")


def led(markdown: str, uri: str, is_page: Callable[[str], bool]) -> str:
    """Return the document ``uri`` with its links as the site has them.

    is_page: whether the site has something at an address. A link to what it does not have
             stays as it is, for mkdocs to refuse it.
    Of a folder without a README the words alone are left, and a document that is called by
    its file is called by its title.
    """
    path = path_of(uri)

    def one(link: "re.Match[str]") -> str:
        file, text = _file_of(link), link["text"]
        if not file:
            return link[0]
        target = _resolved(path, file)
        if (ROOT / target).is_dir():
            target += "/README.md"
            if not (ROOT / target).is_file():
                return text
        if not is_page(page_of(target)):
            return link[0]
        to = posixpath.relpath(page_of(target), posixpath.dirname(uri) or ".")
        _, mark, anchor = link["to"].partition("#")
        if text.endswith(".md") and page_of(target) not in BESIDE.values():
            text = _title(target) or text
        return f"[{text}]({to}{mark}{anchor})"

    parts, last = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(one, markdown[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, LINK.sub(one, markdown[last:])])


def _file_of(link: "re.Match[str]") -> str:
    """Return the file of a link; empty if it stays in its page, or leads outside."""
    return "" if ":" in link["to"] else link["to"].partition("#")[0]


def _resolved(path: str, file: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), file))


def _title(path: str) -> str:
    heading = re.match("# +(.+)", (ROOT / path).read_text("utf-8"))
    return heading[1] if heading else ""
