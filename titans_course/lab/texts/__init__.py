"""The texts of all labs, English and Chinese side by side: a module for each lab, and `panel` for what they share.

A control `name` has its label under `name`, its help under `name?` and the name of an option under `name=option`;
`name:hint` is what an empty field shows. What the rest of the package says in English, such as the rows of
the failure gallery, is in `titans_course.chinese`.
"""

from __future__ import annotations

import os

from titans_mini.errors import check_choice

from ... import chinese
from . import bug_hunt, claims, frontiers, gallery, miras, operations, panel, parallel, simulator, tuning, variants

LANGUAGES = {"en": "English", "zh": "中文"}
VARIABLE = "TITANS_MINI_LANGUAGE"  # of the environment: the language of labs that are given none
SHARED = "panel"
_MODULES = (bug_hunt, claims, frontiers, gallery, miras, operations, panel, parallel, simulator, tuning, variants)
TEXTS: dict[str, dict[str, tuple[str, str]]] = {module.__name__.rpartition(".")[2]: module.TEXTS for module in _MODULES}


def choose(language: str | None = None) -> str:
    """`language`, or the environment's, or English; ConfigError that names the choices for any other."""
    if language is not None:
        return check_choice("language", language, LANGUAGES)
    return check_choice(VARIABLE, os.environ.get(VARIABLE) or "en", LANGUAGES)


def pair(lab: str, key: str) -> tuple[str, str] | None:
    """(English, Chinese) of a lab's key, or of the key that all labs share; None where there is no such."""
    return TEXTS[lab].get(key, TEXTS[SHARED].get(key))


def say(language: str, lab: str, key: str, /, **values: object) -> str:
    """The text of `key` with `values` filled in."""
    return pair(lab, key)[list(LANGUAGES).index(language)].format(**values)


def translate(language: str, phrase: str) -> str:
    """A sentence of the package in that language; one that is not known stays as it is."""
    return phrase if language == "en" else chinese.phrase(phrase)
