"""Manifests of a few lines, as an evaluation reads them."""

from pathlib import Path


def manifest(folder: Path, *lines: str, columns: str = "utt path phones split") -> Path:
    """Write a manifest whose cells are separated by | and return its path."""
    path = folder / "manifest.tsv"
    rows = [columns.replace(" ", "\t"), *(line.replace("|", "\t") for line in lines)]
    path.write_text("\n".join(rows) + "\n")
    return path
