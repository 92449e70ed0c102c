"""The app's strings in English, a module for each page."""

from . import anatomy, claims, miras, operations, simulator, tuning, variants

TEXTS: dict[str, str] = {}
for page in (simulator, anatomy, variants, miras, tuning, operations, claims):
    TEXTS |= page.TEXTS
