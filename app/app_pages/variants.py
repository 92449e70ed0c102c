"""Variants: where the memory sits in a layer, who sees whom, and what trained models make of it."""

from __future__ import annotations

import controls
import links
import streamlit as st
from texts import say
from variants import controls as own
from variants import kept, panels
from variants import mask as variants_mask


def main() -> None:
    """The page. Long work runs in the page itself, not in fragments: only so can a button stop it."""
    links.open_link(own.PAGE)
    hidden = links.hidden()
    st.markdown(f"#### {say('variants_title')}")
    if (line := links.problem_line()) is not None:
        st.warning(line)
    variant = _pick(hidden)
    st.session_state.setdefault("variants_first", links.values())
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
            st.markdown(f"##### {say(name)}", help=say(name + "?"))
            show(variant, hidden)
    links.keep()


def _pick(hidden: frozenset[str]) -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant = controls.show(own.VARIANT, hidden)
        icon = ":material/restart_alt:"
        st.button(say("reset"), key="variants_reset", help=say("variants_reset?"), icon=icon, on_click=_reset)
        st.button(say("defaults"), key="variants_defaults", help=say("variants_defaults?"), on_click=_defaults)
    st.markdown(say(f"variant={variant}"))
    return variant


def _reset() -> None:
    """Callback: the settings that the page opened with."""
    _restart(st.session_state.variants_first)


def _defaults() -> None:
    """Callback: the page's own settings."""
    _restart({name: control.default for name, control in own.PAGE.controls.items()})


def _restart(values: dict) -> None:
    links.restart(values, "source", "paste", "prompt", "said")


main()
