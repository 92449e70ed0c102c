"""Tell it, distract it, ask it: a trained model is told codes, reads other tokens, and is asked in each memory mode.

What was measured before is shown at once, without a model. What is measured live lives in the session: the model's
states after each telling, so that the last telling can be rolled back.
"""

import html
import re
from pathlib import Path
from typing import NamedTuple

import parts
import streamlit as st
import weights
from streamlit.delta_generator import DeltaGenerator
from texts import say

from titans_course.studies import telling
from titans_course.studies.controls import RECALL_CONTROL
from titans_course.studies.reading import CHANCE
from titans_mini.threads import one_thread

STYLE = f"<style>{Path(__file__).with_name('tell.css').read_text('utf8')}</style>"
SAMPLE, GAP = ", ".join(f"{key} = {value}" for key, value in telling.FACTS.items()), 1024
FACT = re.compile(r"(\d{1,2})\s*[=:＝：→]\s*(\d{1,2})")
MOST, TOP = 4, 31  # facts, and the largest number of a locker or a code
SNAPSHOTS = 3  # that a session keeps; one takes 1.8 MB


class Told(NamedTuple):
    """What a session holds: the question it belongs to, the states after each telling, and what is answered now."""

    question: tuple
    talks: list[telling.Talk]
    view: dict


def show_card(hidden: frozenset[str], variant: str = "mag", *, large: bool = False) -> None:
    """The card, with the recall model of a variant; nothing where the link hides it or there is no such model.

    `large`: with lines below that say what the answers show, and what they do not.
    """
    card = weights.cards("recall").get(variant)
    if "tell" in hidden or card is None:
        return
    with st.container(border=True, key="tell_card"):
        left, right = st.columns([10, 9], gap="medium")
        with left:
            parts.heading("tell")
            facts, gap = _inputs()
            buttons, tape = st.container(horizontal=True), st.empty()
        with right, parts.in_one_line():
            view = _find(variant, card, facts, gap, st.session_state.pop("tell_asked", None), tape)
            st.html(_answers(view))
            tape.html(_tape(view) or "<span></span>")
        with buttons:
            _buttons(facts)
        if large:
            st.markdown(" ".join([say("tell_lean"), say("tell_chunk"), *_late(variant, card)]))


def _late(variant: str, card: dict) -> list[str]:
    """A line about facts told anew, if it was measured."""
    tries = telling.kept("anew", f"recall-{variant}", card)
    return [say("tell_late", tries=len(tries), new=tries.count("n"), old=tries.count("o"))] if tries else []


def _inputs() -> tuple[dict[int, int], int]:
    """The facts and the length of the distraction."""
    first, second = st.columns(2, gap="small")
    text = first.text_input(
        say("tell_facts"), SAMPLE, max_chars=60, key="tell_facts", help=say("tell_facts?"), persist_state="session"
    )
    gap = second.select_slider(
        say("tell_gap"), telling.GAPS, GAP, key="tell_gap", help=say("tell_gap?"), format_func="{:,}".format,
        persist_state="session",
    )  # fmt: skip
    facts = {int(key): int(value) for key, value in FACT.findall(text)}
    rest = re.sub(r"[\s,;，；、]", "", FACT.sub("", text))
    if rest or not 1 <= len(facts) <= MOST or max([*facts, *facts.values()]) > TOP:
        first.error(say("tell_bad", most=MOST, top=TOP))
        facts = dict(telling.FACTS)
    return facts, gap


def _buttons(facts: dict[int, int]) -> None:
    told = st.session_state.get("tell_told")
    again, full = _again(facts, told.talks if told else []), told is not None and len(told.talks) == SNAPSHOTS
    parts.button("tell_live", _press, "live", icon="play_arrow")
    ((key, value),) = again.items()
    label = say("tell_again", key=key, value=value)
    parts.button("tell_anew", _press, "anew", label=label, disabled=full)
    parts.button("tell_back", _press, "back", icon="undo")
    parts.button("tell_reset", _reset)


def _again(facts: dict[int, int], talks: list[telling.Talk]) -> dict[int, int]:
    """The first locker with another code than it has."""
    key = next(iter(facts))
    code = talks[-1].told.get(key, facts[key]) if talks else facts[key]
    return {key: (code + 5) % (TOP + 1)}


def _press(name: str) -> None:
    """Callback: what the card does in the run that follows."""
    st.session_state.tell_asked = name


def _reset() -> None:
    """Callback: the card as it opened."""
    st.session_state.update(tell_facts=SAMPLE, tell_gap=GAP, tell_told=None)


def _stop(question: tuple) -> None:
    """Callback: what was being measured is not measured again until the visitor asks for it."""
    st.session_state.tell_stopped = question


def _find(variant: str, card: dict, facts: dict, gap: int, pressed: str | None, place: DeltaGenerator) -> dict:
    """What the model answers: kept from before where nothing else was asked for, else measured now."""
    question = variant, card.get("weights_sha256"), tuple(facts.items()), gap
    state, sample = st.session_state, facts == telling.FACTS
    told: Told | None = state.get("tell_told")
    if told and told.question != question:
        told = state.tell_told = None
    kept = telling.kept("tell", f"recall-{variant}", card) if sample else None
    if pressed is None and told:
        return told.view
    if pressed is None and kept:
        return {"wanted": facts, "how": say("tell_kept"), **kept[str(gap)]}
    trained = None
    if pressed or not sample and state.get("tell_stopped") != question:
        trained = weights.find("recall", variant, quiet=True)
    if trained is None:
        return {"wanted": facts, "how": say("tell_nothing")}
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0)
        parts.button("stop", _stop, question, icon="stop", key="tell_stop")
    talks = _hear(trained.lm, facts, gap, pressed, told and told.talks, bar)
    talk = talks[-1] if talks else telling.blank(trained.lm)
    how = say("tell_rolled" if pressed == "back" else "tell_now")
    view = {"wanted": facts | talk.told, "how": how, **telling.report(trained.lm, talk, facts)}
    state.tell_told = Told(question, talks, view)
    return view


def _hear(lm, facts: dict, gap: int, pressed: str | None, talks: list[telling.Talk] | None, bar) -> list[telling.Talk]:
    """The states after a button was pressed, or at first; `talks` are those before, if there are any."""
    if pressed == "back":
        return (talks or [])[:-1]
    if pressed != "anew" or talks is None:
        talks = [_read(lm, facts, gap, None, bar)]
    if pressed == "anew":
        talks = [*talks, _read(lm, _again(facts, talks), gap, talks[-1] if talks else None, bar)]
    return talks


def _read(lm, facts: dict, gap: int, talk: telling.Talk | None, bar) -> telling.Talk:
    """Reads facts and the distraction, and shows how far it is."""
    with one_thread():
        steps = telling.tell(lm, facts, gap, talk)
        while True:
            share, found = next(steps)
            if found is not None:
                return found
            bar.progress(share, say("tell_reading", count=gap))


def _answers(view: dict) -> str:
    wanted = {say("tell_locker", key=key): str(value) for key, value in view["wanted"].items()}
    said = {
        mode: [str(value) if 0 <= value <= TOP else "?" for value in row] for mode, row in view.get("said", {}).items()
    }
    shares = weights.without_memory(RECALL_CONTROL, "accuracy", task="recall_once", size=2048)
    return table(wanted, said, view["how"], shares, CHANCE)


def table(wanted: dict[str, str], said: dict[str, list[str]], how: str, without: list[float], chance: float) -> str:
    """HTML: question -> right answer along the top, the answers in each mode, and the share of models without memory.

    Each answer is marked with a sign and, for screen readers, a word. `how` they were measured stands in the corner.
    """
    head = "".join(f"<th scope='col'>{html.escape(name)}<br><b>{value}</b></th>" for name, value in wanted.items())
    rows = []
    for mode, answers in said.items():
        right = [answer == value for answer, value in zip(answers, wanted.values(), strict=True)]
        cells = "".join(_cell(answer, good) for answer, good in zip(answers, right, strict=True))
        share = say("tell_right", right=sum(right), count=len(right)) if len(right) > 1 else ""
        rows.append(f"<tr><th scope='row'>{say(f'tell={mode}')}</th>{cells}<td>{share}</td></tr>")
    if without:
        share = say("tell_without", share=sum(without) / len(without), count=len(without), chance=chance)
        line = f"<td colspan='{len(wanted) + 1}'>{share}</td>"
        rows.append(f"<tr><th scope='row'>{say('tell=without')}</th>{line}</tr>")
    head = f"<thead><tr><td>{how}</td>{head}<td></td></tr></thead>"
    return f"{STYLE}<div class='told'><table>{head}<tbody>{''.join(rows)}</tbody></table></div>"


def _cell(answer: str, good: bool) -> str:
    name, sign = ("right", "✓") if good else ("wrong", "✗")
    word = say(f"tell={name}")
    return f"<td class='{name}'>{html.escape(answer)} {sign}<span class='unseen'> {word}</span></td>"


def _tape(view: dict) -> str:
    """The first tokens that were read: surprise above, what the gate let through below; then all in words."""
    if not view.get("surprise"):
        return ""
    marks = zip(view["surprise"], view["gate"], strict=True)
    bars = "".join(f"<i style='--surprise:{raw};--gate:{gate}'></i>" for raw, gate in marks)
    (told, count), (facts, others) = view["tokens"], view["writes"]
    words = say("tell_wrote", told=told, count=count, facts=facts, others=others)
    picture = f"<div role='img' aria-label='{say('tell_tape')}'>{bars}</div>"
    return f"<div class='told-tape'>{picture}<small>{words}</small></div>"
