"""Writes what a static host serves: `python tools/site.py [FOLDER]`, which is `make site` (into site/).

So far it is the playground, English in playground/ and Chinese in playground/zh/. Each page is one file that asks for
nothing else, so it also opens from a disk, and below any address.
"""

import argparse
from pathlib import Path

from titans_course.playground import write_site

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    for file in write_site(parser.parse_args().folder / "playground"):
        print(file)
