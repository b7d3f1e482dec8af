"""Label a corpus, and stop there: ``python -m training.corpora --corpus DIR --out DIR``."""

import argparse
import os
import sys
from pathlib import Path

from training.corpora.forms import label
from training.corpus import BadCorpus
from vau.errors import ConfigInvalid


def main() -> None:
    """Write the labelled form of a LibriSpeech or TIMIT tree."""
    parser = argparse.ArgumentParser(prog="python -m training.corpora", description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, required=True, help="a LibriSpeech or TIMIT tree"
    )
    parser.add_argument("--out", type=Path, required=True, help="the labelled corpus")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args()
    try:
        label(options.corpus, options.out, options.jobs)
    except (BadCorpus, ConfigInvalid) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
