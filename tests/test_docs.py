"""What the documents show works."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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


@pytest.mark.parametrize(
    "document",
    [
        *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"),
        *("docs/writing-a-backend.md", "docs/operations.md", "docs/security.md"),
    ],
)
def test_every_file_that_a_document_links_to_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    folder = (ROOT / document).parent
    missing = [target for target in targets if not (folder / target).exists()]
    assert missing == []
