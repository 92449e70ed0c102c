"""MIRAS: five choices make a memory; two rules read one stream side by side; and the family that the choices span."""

import contextlib
from functools import partial

import controls
import links
import parts
import shelf
import streamlit as st
from miras import controls as own
from miras import family as miras_family
from miras import panels as miras_panels
from miras import rules as miras_rules
from miras import runs as miras_runs
from texts import about, plain, quoted, say

from titans_mini.errors import ConfigError
from titans_mini.miras import PRESETS
from titans_mini.miras.registry import reason


def main() -> None:
    hidden = links.open_link(own.PAGE)
    _take_preset()
    _bring_back()
    with st.sidebar:
        values = _sidebar(hidden)
    parts.title()
    if "family" not in hidden:
        st.markdown(say("family_below"))
    values |= _stream(hidden)
    rule = _rule(values)
    versus = _versus(rule, hidden)
    links.keep()
    stream = own.stream_of(values)
    run = miras_runs.get_run(rule, stream)
    other = None if versus is None else miras_runs.get_run(versus, stream)
    miras_panels.show(run, other, hidden, stream)
    miras_family.show(hidden)


def _take_preset() -> None:
    """A link's preset fills in what the link does not set; after that the link holds the choices."""
    name = st.query_params.get("preset")
    if name is None:
        return
    if name in PRESETS:
        values = miras_rules.to_values(miras_rules.preset(name))
        values = {key: value for key, value in values.items() if key not in st.query_params}
        links.put(values)
        st.query_params.update({key: own.PAGE.controls[key].spell(value) for key, value in values.items()})
    del st.query_params["preset"]
    st.session_state[controls.HIDDEN].pop("preset", None)


def _bring_back() -> None:
    """Controls that were not drawn for a while get their previous value back."""
    state, gone = st.session_state, links.hidden()
    kept = state.kept.get(own.PAGE.name, {})
    for control in own.COMING:
        if control.name in kept and control.name not in gone:
            state.setdefault(control.name, kept[control.name])


def _sidebar(hidden: frozenset[str]) -> dict:
    """Draws the choices; returns name -> value, including those that are not drawn."""
    for picker in own.PICKERS.values():
        if picker.name in st.session_state:  # else a label that is drawn anew would lose its choice
            st.session_state[picker.name] = own.chosen(picker, st.session_state[picker.name])
    values = links.values()
    if "preset" not in hidden:
        _presets(values)
    names = miras_rules.names(values)
    for knob, picker in own.PICKERS.items():
        values[picker.name] = controls.show(picker, hidden, partial(miras_panels.label, knob, names))
        if (number := own.NUMBERS.get((knob, values[picker.name]))) is not None:
            values[number.name] = controls.show(number, hidden)
    values |= controls.show_all(own.STEPS, hidden)
    parts.reset_buttons()
    more = [control for control in own.MORE if control.name != "depth" or values["architecture"] in miras_rules.DEEP]
    fixed = {"clip"} if values["retention"] == "privacy" else set()
    return values | controls.show_folded("miras_more", more, hidden, disabled=fixed)


def _presets(values: dict) -> None:
    """The preset that the pickers make, if any; choosing another fills them."""
    found = None
    if reason(miras_rules.names(values)) is None:
        found = miras_rules.name_of(miras_rules.from_values(values))
    options = [*PRESETS] if found else ["own", *PRESETS]
    st.session_state.preset = found or "own"
    st.selectbox(
        say("preset"), options, key="preset", help=say("preset?"), on_change=_fill,
        format_func=controls.labels(options, lambda name: say(f"preset={name}")),
    )  # fmt: skip
    if found:
        chosen = PRESETS[found]
        note = plain(about("preset", found, chosen.note))
        st.caption(say("preset_note", note=note, reference=quoted(chosen.reference)))


def _fill() -> None:
    """Callback: the chosen preset into the pickers."""
    if (name := st.session_state.preset) in PRESETS:
        links.put(miras_rules.to_values(miras_rules.preset(name)))


def _stream(hidden: frozenset[str]) -> dict:
    """Draws the controls of the stream; returns name -> value."""
    values = links.values()
    kind = controls.held(own.KIND, hidden)
    asked = [own.AMOUNTS[kind]] if kind in own.AMOUNTS else []
    asked += [own.PAIRS] if kind != "overload" else []
    found = controls.show_row([own.KIND, *asked], hidden, [5, 3, 3])
    if "kind" not in hidden:
        stream = own.stream_of(values | found)
        st.caption(say(f"kind={kind}", pairs=stream["pairs"], features=stream["dim"]))
    return found


def _rule(values: dict) -> miras_rules.Rule:
    """The rule of the pickers; if they do not go together, the previous rule, why, and buttons that change the rest."""
    chosen = miras_rules.names(values)
    why = reason(chosen)
    if why is None:
        return shelf.last_good("miras_rule", lambda: miras_rules.from_values(values), "miras_bad") or own.DEFAULT
    st.error(say("refused", reason=quoted(why), allowed=miras_panels.allowed_line(values)))
    rule = st.session_state.get("miras_rule") or own.DEFAULT
    miras_panels.repair_buttons(chosen, rule.config.combination)
    return rule


def _versus(rule: miras_rules.Rule, hidden: frozenset[str]) -> miras_rules.Rule | None:
    """Rule B, if there is one. What is no rule, such as a label that Streamlit hands back, is the page's own rule B."""
    state, versus = st.session_state, links.values()["versus"]
    try:
        other = None if versus == own.NOTHING else miras_rules.read(versus)
    except ConfigError:
        versus = own.VERSUS.default
        other = miras_rules.read(versus)
    if "versus" in hidden:
        return other
    with st.container(horizontal=True, vertical_alignment="bottom", key="versus_row"):
        options = [own.NOTHING, *PRESETS]
        state.versus_choice = versus
        options = options if versus in options else [versus, *options]
        st.selectbox(
            say("versus"), options, key="versus_choice", help=say("versus?"), on_change=_choose, width=420,
            format_func=controls.labels(options, _label),
        )  # fmt: skip
        if "pin" not in hidden:
            parts.button("pin_rule", links.put, {"versus": miras_rules.spell(rule)}, icon="keep")
    controls.keep_in_link("versus", None if versus == own.VERSUS.default else versus)
    return other


def _label(versus: str) -> str:
    if versus == own.NOTHING:
        return say("versus=nothing")
    if versus in PRESETS:
        return say(f"preset={versus}")
    return say("versus=own", name=versus.replace(".", " + ", 4).replace(",", ", "))


def _choose() -> None:
    """Callback: selects another rule B. A label without a rule, which Streamlit may hand back, changes nothing."""
    with contextlib.suppress(ConfigError):
        links.put({"versus": own.VERSUS.read(st.session_state.versus_choice)})


main()
