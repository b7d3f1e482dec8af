"""What a built site owes its readers: links that lead somewhere, and nothing from elsewhere.

Links between pages are resolved in the HTML as a browser would. Addresses outside are looked at
for their form alone: nothing here asks the network.
"""

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

LOADING: Final = {
    "audio": "src",
    "embed": "src",
    "form": "action",
    "iframe": "src",
    "img": "src",
    "input": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "track": "src",
    "use": "href",
    "video": "src",
}
"""What a browser fetches by itself, or sends something to, and where that stands."""

CSS_ADDRESS: Final = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?P<to>[^"')\s]+)""")
UNRENDERED: Final = re.compile(r"(?:^|\n) *(?:[-*+] |\d+\. |#+ |```|\|.*\|)")
"""Marks of Markdown that are left in the text of a paragraph."""

SEARCH_INDEX: Final = "search/search_index.json"
MERMAID: Final = "mermaid"  # the theme fetches what draws these from a public network


@dataclass(slots=True)
class Looked:
    """One page, as far as it matters here."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    paragraphs: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Looked()
        self._is_paragraph = self._is_code = self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.page.ids.update(named[name] for name in ("id", "name") if name in named)
        self.page.classes.update(named.get("class", "").split())
        if tag == "a" and "href" in named:
            self.page.links.append(named["href"])
        if (where := LOADING.get(tag)) and named.get(where) and named.get("rel") != "canonical":
            self.page.loaded.append(named[where])
        if named.get("srcset"):
            self.page.loaded += [each.split()[0] for each in named["srcset"].split(",")]
        if "style" in named:
            self.page.loaded += CSS_ADDRESS.findall(named["style"])
        if tag == "p":
            self.page.paragraphs.append("")
        self._is_paragraph = tag == "p" or (self._is_paragraph and tag != "div")
        self._is_code = tag == "code" or self._is_code
        self._is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_paragraph = self._is_paragraph and tag != "p"
        self._is_code = self._is_code and tag != "code"
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.page.loaded += CSS_ADDRESS.findall(data)
        if self._is_paragraph:
            self.page.paragraphs[-1] += "code" if self._is_code else data


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a site."""

    pages: int
    internal_links: int
    outside: dict[str, list[str]]
    """Addresses outside, whose form alone was looked at, and the pages that name them."""

    problems: list[str]


def look(site: Path) -> Verdict:
    """Return what is wrong with the site in a folder, and what was looked at."""
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    problems: list[str] = []
    outside: dict[str, list[str]] = {}
    internal = 0
    for path, page in pages.items():
        name = str(path.relative_to(site))
        for link in page.links:
            if _is_outside(link):
                outside.setdefault(link, []).append(name)
                continue
            internal += 1
            if not _leads_somewhere(site, path, link, pages):
                problems.append(f"{name}: the link {link} leads nowhere")
        for address in page.loaded:
            if _is_outside(address) and not address.startswith("data:"):
                problems.append(f"{name}: {address} would be fetched from elsewhere")
            elif (
                not address.startswith("data:") and not _file_of(site, path, address).is_file()
            ):
                problems.append(f"{name}: {address} is not there")
        if MERMAID in page.classes:
            problems.append(f"{name}: a Mermaid diagram would fetch its code from elsewhere")
        problems += [
            f"{name}: Markdown is left in the text: {text.strip()[:80]!r}"
            for text in page.paragraphs
            if UNRENDERED.search(text)
        ]
    for path in site.rglob("*.css"):
        problems += [
            f"{path.relative_to(site)}: {address} would be fetched from elsewhere"
            for address in CSS_ADDRESS.findall(path.read_text("utf-8"))
            if _is_outside(address) and not address.startswith("data:")
        ]
    problems += [
        f"{names[0]}: {link} is no address"
        for link, names in outside.items()
        if not _is_well_formed(link)
    ]
    problems += _of_search(site, set(pages))
    return Verdict(len(pages), internal, dict(sorted(outside.items())), problems)


def _read(path: Path) -> Looked:
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    return reader.page


def _is_outside(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def _file_of(site: Path, page: Path, address: str) -> Path:
    path = unquote(urlsplit(address).path)
    if not path:
        return page
    file = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    return (file / "index.html" if path.endswith("/") or file.is_dir() else file).resolve()


def _leads_somewhere(site: Path, page: Path, link: str, pages: dict[Path, Looked]) -> bool:
    file, anchor = _file_of(site, page, link), unquote(urlsplit(link).fragment)
    if file not in pages:
        return file.is_file() and not anchor
    return not anchor or anchor in pages[file].ids


def _is_well_formed(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "mailto":
        return "@" in parts.path
    return parts.scheme in {"http", "https"} and "." in (parts.hostname or "")


def _of_search(site: Path, pages: set[Path]) -> list[str]:
    """Return what is wrong with the index that search has: it holds all pages but sources."""
    index = site / SEARCH_INDEX
    if not index.is_file():
        return ["search has no index"]
    found = {
        each["location"].partition("#")[0] for each in json.loads(index.read_text())["docs"]
    }
    names = {str(path.relative_to(site)) for path in pages}
    owed = {name for name in names if name != "404.html" and not name.startswith("sources/")}
    return [f"search does not know {name}" for name in sorted(owed - found - {"index.html"})]
