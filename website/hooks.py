"""What mkdocs is told of the repository beside docs/."""

from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File, Files, InclusionLevel

from website import links

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

LANGUAGES: Final = {".proto": "protobuf", ".py": "python", ".service": "ini", ".yml": "yaml"}


def on_files(files: Files, config: "MkDocsConfig") -> Files:
    """Add the documents beside docs/, and the sources that any document links to."""
    documents = {links.path_of(each.src_uri) for each in files.documentation_pages()}
    linked = {to for path in (*documents, *links.BESIDE) for to in links.targets(path)}
    for path, uri in links.BESIDE.items():
        content = (links.ROOT / path).read_text("utf-8")
        files.append(File.generated(config, uri, content=content))
    for path in sorted(linked - documents - {*links.BESIDE}):
        if path.startswith("docs/") or not (links.ROOT / path).is_file():
            continue  # pictures are there already, and mkdocs says what is missing
        files.append(
            File.generated(
                config,
                links.page_of(path),
                content=_listing(path),
                inclusion=InclusionLevel.NOT_IN_NAV,
            )
        )
    return files


def on_page_markdown(
    markdown: str, *, page: "Page", config: "MkDocsConfig", files: Files
) -> str:
    """Turn links to files of the repository into links to pages."""
    del config
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation", "toc"]
    if page.file.src_uri.startswith(links.SOURCES):
        return markdown
    return links.led(
        markdown, page.file.src_uri, lambda uri: files.get_file_from_path(uri) is not None
    )


def _listing(path: str) -> str:
    """Return a source as a page, which search leaves out."""
    code = (links.ROOT / path).read_text("utf-8").rstrip("\n")
    language = LANGUAGES.get(PurePath(path).suffix, "text")
    return f"---\nsearch: {{exclude: true}}\n---\n# {path}\n\n````{language}\n{code}\n````\n"
