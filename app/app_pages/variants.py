"""Variants: where the memory sits in a layer, which tokens see which, and how trained models use it."""

import controls
import links
import parts
import streamlit as st
import tell
import weights
from texts import say
from variants import controls as own
from variants import kept, needle, panels

# Panel -> the task whose weights it needs, and what draws it; one shows what the cards hold.
PANELS = {
    "bits": ("text", panels.bits),
    "evidence": (None, kept.show),
    "distance": ("recall", panels.distance),
    "generation": ("text", panels.generation),
    "needle": (None, needle.show),
}


def main() -> None:
    """The page. Long work runs in the page itself, not in fragments: only so can a button stop it."""
    hidden = links.open_link(own.PAGE)
    parts.title()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant = controls.show(own.VARIANT, hidden)
        parts.reset_buttons(width="content")
    st.markdown(say(f"variant={variant}"))
    links.keep()
    tell.show_card(hidden, variant, large=True)
    if "mask" not in hidden:
        panels.mask(variant)
    for name, (task, show) in PANELS.items():
        if name in hidden:
            continue
        parts.heading(name)
        if task is None:
            show(variant)
        elif (trained := weights.find(task, variant)) is not None:
            show(trained, hidden)
    links.keep()


main()
