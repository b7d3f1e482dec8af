"""What the documents show works."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
FENCED = re.DOTALL | re.MULTILINE


def blocks(document: str, language: str = "python") -> list[str]:
    """Return the blocks of a document that are in this language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    fenced = rf"^```{language}\n(.*?)^```$"
    return re.findall(fenced, text, flags=re.DOTALL | re.MULTILINE)


def test_the_guide_to_backends_shows_the_example_as_it_is() -> None:
    example = ROOT / "examples/bfloat16"
    files = [*example.glob("*.py"), example / "pyproject.toml"]
    there = "\n".join(path.read_text(encoding="utf-8") for path in files)
    guide = "docs/writing-a-backend.md"
    shown = [*blocks(guide), *blocks(guide, "toml")]
    assert [block for block in shown if block not in there] == []
    assert shown


def test_the_example_of_a_client_is_python() -> None:
    (code,) = blocks("README.md")
    compile(code, "README.md", "exec")


def documents() -> list[Path]:
    """Return every document of the repository, and nobody else's that lies within it."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(part[0] == "." for part in path.relative_to(ROOT).parts)
    )


def links_of(document: Path) -> list[tuple[Path, str]]:
    """Return file and anchor, which may be empty, of each link within the repository."""
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=FENCED)
    targets = re.findall(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]*))?\)", text)
    return [
        ((document.parent / file).resolve() if file else document, anchor)
        for file, anchor in targets
    ]


def anchors_of(document: Path) -> set[str]:
    """Return what GitHub calls the headings of a document."""
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=FENCED)
    found: list[str] = []
    for heading in re.findall(r"^#+ +(.+?) *$", text, flags=re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return set(found)


def broken(document: Path) -> list[str]:
    """Return the links of a document that lead nowhere."""
    return [
        f"{file.name}#{anchor}"
        for file, anchor in links_of(document)
        if not file.exists()
        or (anchor and (file.suffix != ".md" or anchor not in anchors_of(file)))
    ]


def unknown_tests(document: Path) -> list[str]:
    """Return the tests that a document names and that are not there."""
    sources = {path.name: path.read_text("utf-8") for path in TESTS.rglob("test_*.py")}
    named = re.findall(r"(test_\w+\.py)(?:::(\w+))?", document.read_text("utf-8"))
    return [
        f"{file}::{name}"
        for file, name in named
        if file not in sources or (name and f"def {name}(" not in sources[file])
    ]


def test_all_documents_are_looked_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in documents()}
    assert names > {"README.md", "CHANGELOG.md", "docs/resume.md", "docs/adr/0001-the-house.md"}
    assert not any("site-packages" in name for name in names)
    assert sum(len(links_of(path)) for path in documents()) > 50


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    assert broken(document) == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_is_there(document: Path) -> None:
    assert unknown_tests(document) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("[a](b.md) [b](b.md#what-it-does-1) [c](#here) [d](https://x.test/y#z)", []),
        ("[a](absent.md)", ["absent.md#"]),
        ("[a](b.md#what-it-did)", ["b.md#what-it-did"]),
        ("[a](#there)", ["a.md#there"]),
        ("```\n[a](absent.md)\n```", []),
    ],
)
def test_a_link_that_leads_nowhere_is_found(
    tmp_path: Path, text: str, missing: list[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(f"# Here\n\n{text}\n")
    (tmp_path / "b.md").write_text("## What `it` does\n\n## What it does\n")
    assert broken(document) == missing


@pytest.mark.parametrize("name", ["test_absent.py", "test_docs.py::test_of_nothing"])
def test_a_test_that_is_not_there_is_found(tmp_path: Path, name: str) -> None:
    document = tmp_path / "a.md"
    document.write_text(f"`{name}` and `test_docs.py::test_a_test_that_is_not_there_is_found`")
    assert [each.removesuffix("::") for each in unknown_tests(document)] == [name]
