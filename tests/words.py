"""How tests read Chinese: which of its words are English, and which numbers it holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"[A-Za-z][A-Za-z_]+[0-9]*")
_CODE = re.compile(r"`[^`]*`|<[^>]*>|%\{[^}]*\}|:\w+-badge|:\w+(?=\[)|:material/\w+:")  # not words
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSAND = re.compile(r"(per )?1,000( tokens)?|每千词元|2 million|2M\b|200 万")  # said in words


def english(texts: Iterable[str], allowed: Iterable[str]) -> set[str]:
    """Words in Latin letters that are not allowed."""
    return {word for text in texts for word in _WORD.findall(_CODE.sub(" ", text))} - set(allowed)


def numbers(text: str) -> Counter:
    """The numbers of a text but for thousands and millions, which each language says in its own way."""
    return Counter(_NUMBER.findall(_THOUSAND.sub("", text)))
