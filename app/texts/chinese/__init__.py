"""The app's strings in Chinese, a module for each page, with the names of choices and the words on figures."""

from titans_mini.chinese import PHRASES

from . import anatomy, claims, miras, operations, simulator, tuning, variants

TEXTS: dict[str, str] = {}
FIGURES: dict[str, str] = dict(PHRASES)  # and what else the package says
OPTIONS: dict[str, dict[str, str]] = {}
for page in (simulator, anatomy, variants, miras, tuning, operations, claims):
    TEXTS |= page.TEXTS
    FIGURES |= page.FIGURES
    for control, names in getattr(page, "OPTIONS", {}).items():
        OPTIONS.setdefault(control, {}).update(names)
