"""What the documents show works."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.models import tiny_model
from vau.backend import BackendOptions
from vau.selfcheck import self_check

ROOT = Path(__file__).parent.parent


def blocks(document: str) -> list[str]:
    """Return the Python blocks of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_example_of_a_backend_may_serve() -> None:
    (code,) = blocks("docs/writing-a-backend.md")
    names: dict[str, Any] = {"__name__": "your_package"}
    exec(compile(code, "docs/writing-a-backend.md", "exec"), names)
    model = tiny_model()
    assert names["FACTORY"].discover(model) == ["prior"]
    self_check(names["FACTORY"].open(model, BackendOptions()), model)


def test_the_example_of_a_client_is_python() -> None:
    (code,) = blocks("README.md")
    compile(code, "README.md", "exec")


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_links_to_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert missing == []
