"""The results that a session keeps: the most recently used ones, so that nothing is computed twice.

They live in `st.session_state`, so no visitor sees another's text or memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import streamlit as st
from texts import quoted, say

from titans_mini.errors import ConfigError

T = TypeVar("T")


def fetch(
    shelf: str,
    key: Hashable,
    make: Callable[[], T],
    most: int,
    too_much: Callable[[Iterable[T]], bool] = lambda results: False,
) -> T:
    """The result of a key, made unless the session still has it.

    A shelf holds `most` results, and fewer while they are `too_much`; the least recently used are dropped first.
    """
    kept: OrderedDict[Hashable, T] = st.session_state.setdefault(shelf, OrderedDict())
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    while len(kept) > most or len(kept) > 1 and too_much(kept.values()):
        kept.popitem(last=False)
    return kept[key]


def holds(shelf: str, key: Hashable) -> bool:
    """Whether the session still has the result of a key."""
    return key in st.session_state.get(shelf, ())


def last_good(name: str, make: Callable[[], T], complaint: str) -> T | None:
    """The result of `make`; after a ConfigError its previous result (None if there is none) and one line."""
    try:
        st.session_state[name] = make()
    except ConfigError as error:
        st.error(say(complaint, error=quoted(error)))
    return st.session_state.get(name)
