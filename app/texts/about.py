"""What the package's tables say of a name, in the session's language: in English their own words."""

from __future__ import annotations

from . import language
from .chinese import ABOUT as CHINESE

ABOUT: dict[str, dict[str, dict[str, str]]] = {"zh": CHINESE}


def about(group: str, name: str, english: str) -> str:
    """The words on a name of a group; `english` are those of the package."""
    return ABOUT.get(language(), {}).get(group, {}).get(name, english)
