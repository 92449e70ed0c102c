"""What the figures of the Claims page are, in the session's language; their keys are those of the JSON."""

from __future__ import annotations

from titans_course.claims.view import label as package_label

from . import language


def label(row: str, key: str) -> str:
    """What the figure of a row is; one that is not known stays as it is."""
    return package_label(row, key, language())
