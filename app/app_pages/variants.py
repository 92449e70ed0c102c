"""Variants: where the memory sits in a layer, who sees whom, and what trained models make of it."""

from __future__ import annotations

import controls
import frame
import links
import parts
import streamlit as st
from texts import say
from variants import controls as own
from variants import kept, panels
from variants import mask as variants_mask


def main() -> None:
    """The page. Long work runs in the page itself, not in fragments: only so can a button stop it."""
    links.open_link(own.PAGE)
    hidden = links.hidden()
    frame.title(sidebar=False)
    variant = _pick(hidden)
    links.keep()
    if "mask" not in hidden:
        variants_mask.show(variant)
    for name, show in (
        ("bits", panels.bits),
        ("evidence", lambda variant, hidden: kept.show(variant)),
        ("distance", panels.distance),
        ("generation", panels.generation),
    ):
        if name not in hidden:
            parts.heading(name)
            show(variant, hidden)
    links.keep()


def _pick(hidden: frozenset[str]) -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant = controls.show(own.VARIANT, hidden)
        frame.reset_buttons()
    st.markdown(say(f"variant={variant}"))
    return variant


main()
