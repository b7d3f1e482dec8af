"""The site is built strictly: what its readers would stumble over ends ./run docs."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = ROOT / ".venv-docs/bin/python"
HOME: Final = (
    "# Home\n\n[a page](page.md#there), [a source](../deploy/it.yml), [all](../README.md)\n"
)
PAGE: Final = "# Page\n\n## There\n\nSee [index.md](index.md).\n"

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs .venv-docs, which ./run docs makes"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a small repository with a site of its own."""
    (tmp_path / "website").mkdir()
    for file in (ROOT / "website").glob("*.py"):
        shutil.copy(file, tmp_path / "website")
    config, _, _ = (ROOT / "website/mkdocs.yml").read_text("utf-8").partition("\nnav:\n")
    names = ["index", "page", "overview", "architecture", "contributing", "changelog"]
    navigation = "".join(f"  - {name}.md\n" for name in names)
    (tmp_path / "website/mkdocs.yml").write_text(f"{config}\nnav:\n{navigation}")
    shutil.copytree(ROOT / "docs/assets", tmp_path / "docs/assets")
    (tmp_path / "docs/index.md").write_text(HOME)
    (tmp_path / "docs/page.md").write_text(PAGE)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/it.yml").write_text("key: value\n")
    for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\n[home](docs/index.md)\n")
    return tmp_path


def built(tree: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (PYTHON, "-m", "website", "--json"),
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_site_in_which_all_is_well_is_built(tree: Path) -> None:
    done = built(tree)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, found["passed"], found["problems"]) == (0, True, []), done.stderr
    home = (tree / ".cache/site/index.html").read_text("utf-8")
    assert 'href="sources/deploy/it.yml.html"' in home
    assert 'href="overview.html"' in home
    page = (tree / ".cache/site/page.html").read_text("utf-8")
    assert '<a href="index.html">Home</a>' in page
    listing = (tree / ".cache/site/sources/deploy/it.yml.html").read_text("utf-8")
    assert "key" in listing


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("new.md", "# New\n", 'not included in the "nav"'),
        ("page.md", PAGE + "[no](index.md#nowhere)\n", "does not contain an anchor '#nowhere'"),
        ("page.md", PAGE + "[no](absent.md)\n", "absent.md"),
        ("page.md", PAGE + "[no](../deploy/absent.yml)\n", "absent.yml"),
        ("page.md", PAGE + '<script src="https://x.test/a.js"></script>\n', "from elsewhere"),
        ("page.md", PAGE + "Words:\n- no list\n", "Markdown is left in the text"),
    ],
    ids=["no place", "no anchor", "no page", "no source", "not ours", "not rendered"],
)
def test_what_readers_would_stumble_over_ends_the_build(
    tree: Path, name: str, text: str, said: str
) -> None:
    (tree / "docs" / name).write_text(text)
    done = built(tree)
    assert (done.returncode, json.loads(done.stdout)["passed"]) == (1, False)
    assert said in done.stderr
