"""The reference of the Python client: signatures and docstrings of what ``vau.client`` exports.

``./run docs --write`` makes docs/reference/client.md of it.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import vau.client

HEAD: Final = """\
# Python client

What `vau.client` exports: `./run docs --write` makes this page of the code. An example is in
the [README](../../README.md#from-python). `pb` is `vau.v1.speech_pb2`, the messages of the
[API](api.md); every error is a `VauError`, of the [classes there](api.md#errors).

"""
WIDTH: Final = 88
ITEM: Final = re.compile(r"(\w+): +(?=\S)")


def page() -> str:
    """Return the page."""
    lines = [HEAD, (inspect.getdoc(vau.client) or "") + "\n"]
    for name in vau.client.__all__:
        thing = getattr(vau.client, name)
        lines += _class(name, thing) if inspect.isclass(thing) else _function(name, thing, "##")
    text = re.sub("(?<!`)``(?!`)", "`", "".join(lines))
    return text.rstrip("\n") + "\n"


def _class(name: str, kind: type) -> Iterator[str]:
    """Yield a class that has an ``__init__``, or is a dataclass of keywords alone."""
    body = _parsed(kind).body
    fields = [each for each in body if isinstance(each, ast.AnnAssign)]
    made = inspect.getattr_static(kind, "__init__")
    parameters = ["*", *map(ast.unparse, fields)] if fields else _parameters(_parsed(made))
    yield f"\n## {name}\n\n{_code(name, parameters)}{_laid_out(inspect.getdoc(kind))}\n"
    if fields:
        yield "\n"
        for field, after in pairwise(body):
            if isinstance(field, ast.AnnAssign):
                yield f"- `{ast.unparse(field.target)}`{_said(after)}\n"
    else:
        yield f"\n{_laid_out(inspect.getdoc(made))}\n"
    for at, method in vars(kind).items():
        if not at.startswith("_") and inspect.isfunction(method):
            yield from _function(f"{name}.{at}", method, "###")


def _function(name: str, function: Any, level: str) -> Iterator[str]:  # noqa: ANN401
    parsed = _parsed(function)
    code = _code(name, _parameters(parsed), ast.unparse(parsed.returns))
    yield f"\n{level} {name}\n\n{code}{_laid_out(inspect.getdoc(function))}\n"


def _parsed(thing: Any) -> Any:  # noqa: ANN401
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _parameters(function: ast.FunctionDef) -> list[str]:
    """Return what a function takes, as it is written, without ``self``."""
    whole = function.args
    missing = [None] * (len(whole.args) - len(whole.defaults))
    placed = zip(whole.args, [*missing, *whole.defaults], strict=True)
    keyed = zip(whole.kwonlyargs, whole.kw_defaults, strict=True)
    shown = [_parameter(*each) for each in placed if each[0].arg != "self"]
    return [
        *shown,
        *(["*"] if whole.kwonlyargs else []),
        *(_parameter(*each) for each in keyed),
    ]


def _parameter(parameter: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(parameter) + (f" = {ast.unparse(default)}" if default else "")


def _code(name: str, parameters: list[str], returned: str = "") -> str:
    """Return a call as code: in one line, or a parameter in each."""
    end = f" -> {returned}" if returned else ""
    text = f"{name}({', '.join(parameters)}){end}"
    if len(text) > WIDTH:
        within = "".join(f"    {each},\n" for each in parameters)
        text = f"{name}(\n{within}){end}"
    return f"```python\n{text}\n```\n\n"


def _said(after: ast.stmt) -> str:
    """Return the docstring of a field, if that is what stands behind it."""
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
        return ": " + " ".join(str(after.value.value).split())
    return ""


def _laid_out(docstring: str | None) -> str:
    """Return a docstring in which lines ``name:  text`` are items of a list."""
    lines: list[str] = []
    is_item = False
    for line in (docstring or "").splitlines():
        if item := ITEM.match(line):
            begun = f"- `{item[1]}`: {line[item.end() :]}"
            lines += [begun] if is_item else ["", begun]
            is_item = True
        elif is_item and line.startswith(" "):
            lines.append("  " + line.strip())
        else:
            lines += ["", line] if is_item else [line]
            is_item = False
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
