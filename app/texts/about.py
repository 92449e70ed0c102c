"""What the package's tables say of a name, in the session's language: in English their own words."""

from __future__ import annotations

from titans_course import chinese

from . import DEFAULT, language


def about(group: str, name: str, english: str) -> str:
    """The words on a name of a group; `english` are those of the package."""
    return english if language() == DEFAULT else chinese.about(group, name, english)
