"""Where the files are that go with the packages: the app and the lessons.

In a checkout they are folders beside titans_course. A wheel holds them inside it, since a folder `app` or `notebooks`
of its own would be in the way of other packages; setup.py puts them there.
"""

from pathlib import Path

from titans_mini.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]
IN_WHEEL = PACKAGE / "shipped"
ROOT = IN_WHEEL if IN_WHEEL.is_dir() else PACKAGE.parent


def find(name: str) -> Path:
    """A file or folder by its path in the repository. Raises ConfigError if this installation does not have it."""
    if not (ROOT / name).exists():
        raise ConfigError("{name} is not here; run this from a clone of the project", name=name)
    return ROOT / name
