"""What the package says has a Chinese counterpart: every name of its tables, every sentence, with the same numbers."""

import re
from collections import Counter
from dataclasses import replace

import pytest

pytest.importorskip("streamlit")

from pages import ENTRY  # noqa: E402, F401
from reading import HAN, english  # noqa: E402

# isort: split
import texts  # noqa: E402
from texts import measured  # noqa: E402
from texts.chinese import ABOUT  # noqa: E402
from texts.phrases import matcher, phrase  # noqa: E402

from titans_mini.claims import CLAIMS, load_results  # noqa: E402
from titans_mini.claims.finding import Spread  # noqa: E402
from titans_mini.errors import ConfigError  # noqa: E402
from titans_mini.figures.operate import MARKS  # noqa: E402
from titans_mini.miras import KNOBS, PRESETS  # noqa: E402
from titans_mini.miras.registry import REFUSALS, table  # noqa: E402
from titans_mini.operate import RecipeEngine, fingerprint  # noqa: E402
from titans_mini.operate.monitor import ALARMS, WATCHES  # noqa: E402
from titans_mini.operate.snapshots import check_name, decode_state, encode_state  # noqa: E402
from titans_mini.tune import TuneConfig, tune  # noqa: E402

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
THOUSAND = re.compile(r"(per )?1,000( tokens)?|每千词元|2 million|200 万")  # said in words
RESULTS = load_results()


def numbers(text: str) -> Counter:
    return Counter(NUMBER.findall(THOUSAND.sub("", text)))


def in_chinese(text: str, *allowed: str) -> str:
    said = phrase(text, "zh")
    assert HAN.search(said) and not english([said], allowed), said
    return said


def test_every_choice_and_preset_of_miras_is_described():
    names = {row["name"] for row in table()}
    for knob, choices in KNOBS.items():
        assert set(ABOUT[knob]) == set(choices)
    assert set(ABOUT["preset"]) == set(PRESETS) and len(names) > 20
    assert all(HAN.search(text) for knob in KNOBS for text in ABOUT[knob].values())
    for _, reason in REFUSALS:
        in_chinese(reason, *names)


@pytest.mark.parametrize("kind", (*ALARMS, *MARKS, "auto", "by hand", "by-hand", "taken-over", "shadow"))
def test_every_kind_of_event_has_a_word(kind):
    in_chinese(kind)
    in_chinese(f"{kind} is back in its range")
    in_chinese(f"snapshot 3, alarm: {kind}, norm_rise")


@pytest.mark.parametrize("cause", [watch.cause for watch in WATCHES.values()])
def test_every_alarm_gives_its_cause(cause):
    in_chinese(cause)


def test_what_a_snapshot_is_refused_for_is_said():
    engine = RecipeEngine()
    data = encode_state(engine.start(), fingerprint(engine))
    for bad, owner in ((b"", fingerprint(engine)), (data[:-1] + b"!", fingerprint(engine)), (data, "another")):
        with pytest.raises(ConfigError) as error:
            decode_state(bad, engine.start(), owner)
        in_chinese(str(error.value))
    with pytest.raises(ConfigError) as error:
        check_name("name", "No 1")
    in_chinese(str(error.value), "No")


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


def test_every_row_of_the_claims_has_papers_and_rule():
    assert set(ABOUT["papers"]) == set(ABOUT["rule"]) == set(CLAIMS)
    for key, claim in CLAIMS.items():
        assert numbers(ABOUT["papers"][key]) == numbers(claim.papers) or key == "linear"
        assert HAN.search(ABOUT["rule"][key]) and HAN.search(claim.claim_zh)


def changed(key: str) -> list[dict]:
    """Figures of a row as measured, and as they would be if all seeds agreed, if there was one, and with ties."""
    known = RESULTS[key].finding.figures
    alike = {name: Spread(v.mean, v.mean, v.mean, v.seeds) if isinstance(v, Spread) else v for name, v in known.items()}
    alone = {name: Spread(v.mean, v.low, v.high, 1) if isinstance(v, Spread) else v for name, v in known.items()}
    ties = {name: 1 if name.startswith("tied") or "_tied_" in name else value for name, value in known.items()}
    untied = {name: 0 if name == "tied" else value for name, value in known.items() if name != "tokens_to_degrade"}
    return [known, alike, {**alone, "seeds": 1} if key == "order" else alone, ties, untied]


@pytest.mark.parametrize("key", RESULTS)
def test_every_measured_sentence_is_said_with_the_same_numbers(key):
    names = (
        "tau beta lambda eta excess zsigmoid running_max fixed MB float32 MAC MAG MAL LMM CNN DNA int8 int4 bf16 ties"
    )
    for figures in changed(key):
        told = CLAIMS[key].judge(figures).told
        assert numbers(in_chinese(told, *names.split())) == numbers(told)


@pytest.mark.parametrize("language", measured.LABELS)
def test_every_figure_of_the_claims_has_a_label_and_every_label_a_figure(language, monkeypatch):
    monkeypatch.setattr(measured, "language", lambda: language)
    assert set(measured.LABELS[language]) == set(CLAIMS)
    for key, result in RESULTS.items():
        figures = list(result.finding.figures)
        labels = [measured.label(key, figure) for figure in figures]
        fits = [[known for known in measured.LABELS[language][key] if matcher(known)(figure)] for figure in figures]
        assert {known for found in fits for known in found} == set(measured.LABELS[language][key])
        assert len(set(labels)) == len(labels) and not set(labels) & set(figures)
        assert language == texts.DEFAULT or all(map(HAN.search, labels))
    assert [*map(list, measured.LABELS["zh"].values())] == [*map(list, measured.LABELS["en"].values())]
    assert measured.label("grid", "unheard_of") == "unheard_of"
