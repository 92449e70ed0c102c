"""Renews the checksums of the shipped checkpoints: `python tools/checksums.py` after an intended change of one.

It writes the checksums into the cards, and a list of all files into titans_mini/checkpoints/SHA256SUMS, which
`sha256sum --check` can read. `make test` compares every file with that list.
"""

import hashlib
import json
import sys
from pathlib import Path

from titans_mini.files import write_whole
from titans_mini.training.checkpoint import BUNDLED, CARD, DIGEST, WEIGHTS, load_model, write_card

SUMS = "SHA256SUMS"


def sha256(path: Path) -> str:
    """The checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def seal_cards(folder: Path) -> None:
    """Renews the checksums in the cards of a folder's checkpoints. Nothing else in the cards changes."""
    for weights in sorted(folder.rglob(f"*{WEIGHTS}")):
        about = weights.with_name(weights.name.removesuffix(WEIGHTS) + CARD)
        content = json.loads(about.read_text("utf-8"))
        content.pop(DIGEST, None)
        write_card(about, {**content, DIGEST: sha256(weights)})
        load_model(weights)  # raises where the card and the weights do not fit together


def sums(folder: Path) -> str:
    """The list of a folder's cards and weights, those in subfolders included: checksum, two spaces, name."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (WEIGHTS, CARD))
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in names)


def main(folder: Path) -> None:
    """Renews the cards and the list."""
    seal_cards(folder)
    write_whole(folder / SUMS, sums(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLED)
