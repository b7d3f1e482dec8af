"""The site of the documents: who is on it, where its links lead, and what is wrong with one."""

import re
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from vau.cli import app
from vau.v1 import speech_pb2
from vau.wire.status import STATUS
from website.check import look
from website.links import BESIDE, led, page_of, targets
from website.written import DOCS, WRITTEN

ROOT: Final = Path(__file__).resolve().parent.parent
CONFIG: Final = (ROOT / "website/mkdocs.yml").read_text(encoding="utf-8")
PAGE: Final = "<main><h1 id='top'>T</h1><p>Text.</p>{}</main>"


def site(folder: Path, body: str = "", *, searched: str = '{"location": "a.html"}') -> Path:
    """Return a site of two pages, the first of which says ``body``."""
    (folder / "search").mkdir()
    index = folder / "search/search_index.json"
    index.write_text(f'{{"docs": [{searched}, {{"location": "b.html#top"}}]}}')
    (folder / "a.html").write_text(PAGE.format(body))
    (folder / "b.html").write_text(PAGE.format(""))
    (folder / "it.png").touch()
    return folder


@pytest.mark.parametrize("name", WRITTEN)
def test_a_page_made_from_code_is_as_the_code_makes_it(name: str) -> None:
    there = (DOCS / name).read_text(encoding="utf-8")
    assert there == WRITTEN[name](), "bring it up to date: ./run docs --write"


def test_the_reference_of_the_wire_has_every_name_of_the_contract() -> None:
    page = (DOCS / "reference/api.md").read_text(encoding="utf-8")
    messages = [*speech_pb2.DESCRIPTOR.message_types_by_name.values()]
    enums = [*speech_pb2.DESCRIPTOR.enum_types_by_name.values()]
    enums += [enum for message in messages for enum in message.enum_types]
    (service,) = speech_pb2.DESCRIPTOR.services_by_name.values()
    names = [f"### {message.name}\n" for message in messages]
    names += [f"### {method.name}\n" for method in service.methods]
    names += [f"| `{field.name}` | " for message in messages for field in message.fields]
    names += [f"| `{value.name}` | " for enum in enums for value in enum.values]
    names += [f"| `{row.reason}` | `{row.code.name}` | " for row in STATUS.values()]
    assert [name for name in names if name not in page] == []


def test_the_reference_of_the_command_line_has_every_flag_that_help_shows() -> None:
    page = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
    sections = re.split(r"^## vau ", page, flags=re.MULTILINE)[1:]
    assert len(sections) > 15
    for section in sections:
        name, _, text = section.partition("\n")
        done = CliRunner().invoke(app, [*name.split(), "--help"])
        flags = {*re.findall(r"--[a-z][a-z-]+", done.stdout)} - {"--help"}
        assert flags
        assert {flag for flag in flags if flag not in text} == set(), name


def test_every_document_is_in_the_navigation_of_the_site() -> None:
    _, _, navigation = CONFIG.partition("\nnav:\n")
    named = re.findall(r"[\w/.-]+\.md\b", navigation)
    documents = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    missing = documents - {*named}
    assert missing == set(), f"name them under nav in website/mkdocs.yml: {missing}"
    assert sorted(named) == sorted(documents | {*BESIDE.values()})


def test_a_navigation_that_names_too_little_is_refused_by_the_build() -> None:
    for kind in ("omitted_files", "anchors", "unrecognized_links", "absolute_links"):
        assert re.search(rf"^  {kind}: warn$", CONFIG, flags=re.MULTILINE)


def test_the_theme_brings_no_fonts_from_elsewhere() -> None:
    assert re.search(r"^  font: false\b", CONFIG, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("uri", "link", "there"),
    [
        (
            "ray.md",
            "[a](resume.md#what-an-operator-does)",
            "[a](resume.md#what-an-operator-does)",
        ),
        (
            "ray.md",
            "[a](#here) [b](https://x.test/y.md)",
            "[a](#here) [b](https://x.test/y.md)",
        ),
        ("ray.md", "[a](../CONTRIBUTING.md)", "[a](contributing.md)"),
        ("adr/0001-the-house.md", "[a](../../README.md#use-it)", "[a](../overview.md#use-it)"),
        ("overview.md", "[a](docs/ray.md)", "[a](ray.md)"),
        ("overview.md", "[why](docs/adr/)", "[why](adr/README.md)"),
        ("overview.md", "[a](LICENSE)", "[a](sources/LICENSE.md)"),
        ("overview.md", "the [example](examples/)", "the example"),
        ("how-to/x.md", "[a](../../deploy/alerts.yml)", "[a](../sources/deploy/alerts.yml.md)"),
        ("ray.md", "[resume.md](resume.md)", "[Streams that survive](resume.md)"),
        ("ray.md", "```\n[a](../CONTRIBUTING.md)\n```", "```\n[a](../CONTRIBUTING.md)\n```"),
    ],
)
def test_a_link_leads_to_the_page_of_its_file(uri: str, link: str, there: str) -> None:
    assert led(link, uri, lambda _uri: True) == there


def test_a_link_to_what_is_no_page_is_left_for_the_build_to_refuse() -> None:
    assert led("[a](../absent.py)", "ray.md", lambda _uri: False) == "[a](../absent.py)"


def test_what_a_document_links_to_is_found_by_its_path_in_the_repository() -> None:
    found = {*targets("docs/operations.md")}
    assert {"deploy/vau.service", "docs/resume.md"} <= found
    assert page_of("deploy/vau.service") == "sources/deploy/vau.service.md"


def test_a_site_whose_links_lead_somewhere_passes(tmp_path: Path) -> None:
    body = (
        '<a href="b.html#top">b</a> <a href="#top">up</a> <a href="https://x.test/y">x</a>'
        '<a href="mailto:a@b.test">m</a><img src="it.png"><img src="data:image/png;base64,AA">'
        "<p>A <code>* b\n- c</code> d</p>"
    )
    found = look(site(tmp_path, body))
    assert found.problems == []
    assert (found.pages, found.internal_links) == (2, 2)
    assert [*found.outside] == ["https://x.test/y", "mailto:a@b.test"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="c.html">c</a>', "a.html: the link c.html leads nowhere"),
        ('<a href="b.html#no">b</a>', "a.html: the link b.html#no leads nowhere"),
        ('<a href="#no">b</a>', "a.html: the link #no leads nowhere"),
        ('<img src="no.png">', "a.html: no.png is not there"),
        ('<img src="//x.test/a.png">', "//x.test/a.png would be fetched from elsewhere"),
        ('<script src="https://x.test/a.js"></script>', "a.js would be fetched from elsewhere"),
        ('<link rel="preconnect" href="https://x.test">', "would be fetched from elsewhere"),
        ('<link href="http://x.test/a.css">', "a.css would be fetched from elsewhere"),
        (
            '<img src="it.png" srcset="https://x.test/2 2x">',
            "/2 would be fetched from elsewhere",
        ),
        ('<b style="background: url(https://x.test/c)">', "/c would be fetched from elsewhere"),
        (
            '<style>@import "https://x.test/d.css";</style>',
            "d.css would be fetched from elsewhere",
        ),
        ('<pre class="mermaid">a</pre>', "a Mermaid diagram would fetch its code"),
        ("<p>A list:\n- one</p>", "Markdown is left in the text: 'A list:"),
        ("<p>| a | b |</p>", "Markdown is left in the text"),
        ('<a href="https://nowhere">x</a>', "a.html: https://nowhere is no address"),
        ('<a href="htps://x.test">x</a>', "a.html: htps://x.test is no address"),
    ],
)
def test_what_is_wrong_with_a_page_is_said(tmp_path: Path, body: str, problem: str) -> None:
    (found,) = look(site(tmp_path, body)).problems
    assert problem in found


def test_what_a_style_sheet_would_fetch_from_elsewhere_is_said(tmp_path: Path) -> None:
    (site(tmp_path) / "a.css").write_text("@font-face { src: url('https://x.test/f.woff') }")
    assert look(tmp_path).problems == [
        "a.css: https://x.test/f.woff would be fetched from elsewhere"
    ]


def test_a_page_that_search_does_not_know_is_said(tmp_path: Path) -> None:
    found = look(site(tmp_path, searched='{"location": "c.html"}'))
    assert found.problems == ["search does not know a.html"]


def test_a_site_without_search_is_said(tmp_path: Path) -> None:
    (site(tmp_path) / "search/search_index.json").unlink()
    assert look(tmp_path).problems == ["search has no index"]
