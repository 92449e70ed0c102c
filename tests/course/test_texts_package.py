"""What only the app says of the package in Chinese: events, alarms, verdicts of a search."""

from dataclasses import replace

import pytest

pytest.importorskip("streamlit")

from pages import ENTRY  # noqa: E402, F401
from words import HAN, english, numbers  # noqa: E402

from titans_course.chinese import phrase  # noqa: E402
from titans_course.figures.operate import MARKS  # noqa: E402
from titans_mini.operate.monitor import ALARMS, WATCHES, named  # noqa: E402
from titans_mini.tune import TuneConfig, tune  # noqa: E402


def in_chinese(text: str, *allowed: str) -> str:
    said = phrase(text)
    assert HAN.search(said) and not english([said], allowed), said
    return said


@pytest.mark.parametrize("kind", (*ALARMS, *MARKS, "auto", "by hand", "by-hand", "taken-over", "shadow"))
def test_every_kind_of_event_has_a_word(kind):
    said = named(kind)
    assert "_" not in said
    in_chinese(said)
    in_chinese(f"{said} is back in its range")
    in_chinese(f"snapshot 3, alarm: {said}, norm rise")


@pytest.mark.parametrize("cause", [watch.cause for watch in WATCHES.values()])
def test_every_alarm_gives_its_cause(cause):
    in_chinese(cause)


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_verdict_of_a_stopped_search_is_said_with_the_same_numbers(seeds):
    config = TuneConfig(tokens=100, final_tokens=200, seeds=seeds, keep=1, tau=(0.1, 0.5), beta=(0.5,), depth=(1,))
    stages: list[str] = []
    search = tune(
        replace(config, width=16),
        progress=lambda done, total, stage: stages.append(stage),
        stop=lambda: stages[-1] == "final",
    )
    verdict = search.verdict()
    told = in_chinese(verdict, "tau", "beta", "lambda", "eta")
    assert "not finished" in verdict and numbers(told) == numbers(verdict)
