"""The app's strings in Chinese, a module for each page, with the names of choices."""

from . import anatomy, claims, miras, operations, simulator, tuning, variants

TEXTS: dict[str, str] = {}
OPTIONS: dict[str, dict[str, str]] = {}
for page in (simulator, anatomy, variants, miras, tuning, operations, claims):
    TEXTS |= page.TEXTS
    for control, names in getattr(page, "OPTIONS", {}).items():
        OPTIONS.setdefault(control, {}).update(names)
PHRASES: dict[str, str] = miras.PHRASES  # what pages say in English first
