"""The app's strings in Chinese, a module for each page, with the names of choices and what the package says."""

from . import anatomy, claims, claims_rows, miras, miras_choices, operations, simulator, tuning, variants

TEXTS: dict[str, str] = {}
FIGURES: dict[str, str] = {}
OPTIONS: dict[str, dict[str, str]] = {}
for page in (simulator, anatomy, variants, miras, tuning, operations, claims):
    TEXTS |= page.TEXTS
    FIGURES |= page.FIGURES
    for control, names in getattr(page, "OPTIONS", {}).items():
        OPTIONS.setdefault(control, {}).update(names)

ABOUT: dict[str, dict[str, str]] = miras_choices.ABOUT | claims_rows.ABOUT
FIGURES |= miras_choices.PHRASES | claims_rows.PHRASES
