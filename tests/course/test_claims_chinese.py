"""The audit in Chinese: every text, every measured sentence and every figure's label, with the same numbers."""

import pytest
from words import HAN, english, numbers

from titans_course.claims import CLAIMS, Spread, load_results
from titans_course.claims.view import label
from titans_course.language import LANGUAGES, catalogue, tell

ZH = catalogue("zh")
RESULTS = load_results()
SYMBOLS = "tau beta lambda eta excess zsigmoid running_max fixed MB float32 MAC MAG MAL LMM CNN DNA int8 int4 bf16 lam"
SYMBOLS += " titans ttt mlp moneta memora yaad l2 Wikitext C4 MIRAS"


def entries(context: str) -> dict[str, str]:
    return {key: text for (place, key), text in ZH.items() if place == context}


def test_every_row_has_its_papers_and_its_rule():
    for group, words in (("papers", lambda claim: claim.papers), ("rule", lambda claim: claim.rule)):
        said = entries(f"about.{group}")
        assert set(said) == set(CLAIMS)
        for key, claim in CLAIMS.items():
            assert HAN.search(said[key]) and numbers(said[key]) == numbers(words(claim)), (group, key)


def test_every_reading_has_its_words_and_its_rule_and_none_is_left_over():
    ways = {f"{key}.{name}": way for key, claim in CLAIMS.items() for name, way in claim.ways.items()}
    for group, words in (("reading", lambda way: way.means), ("reading_rule", lambda way: way.rule)):
        said = entries(f"about.{group}")
        assert set(said) == set(ways)
        for name, way in ways.items():
            assert HAN.search(said[name]) and numbers(said[name]) == numbers(words(way)), (group, name)


def changed(key: str) -> list[dict]:
    """Figures of a row as measured, and as they would be if all seeds agreed, if there was one, and with ties."""
    known = RESULTS[key].finding.figures
    alike = {name: Spread(v.mean, v.mean, v.mean, v.seeds) if isinstance(v, Spread) else v for name, v in known.items()}
    alone = {name: Spread(v.mean, v.low, v.high, 1) if isinstance(v, Spread) else v for name, v in known.items()}
    ties = {name: 1 if name.startswith("tied") or "_tied_" in name else value for name, value in known.items()}
    less = ("tied", "tokens_to_degrade", "same_steps_minus_best")
    untied = {name: 0 if name == "tied" else v for name, v in known.items() if name == "tied" or name not in less}
    return [known, alike, alone, ties, untied]


@pytest.mark.parametrize("key", RESULTS)
def test_every_measured_sentence_has_the_same_numbers(key):
    for figures in changed(key):
        found = CLAIMS[key].judge(figures)
        for told in [reading.told for reading in found.readings] or [found.told]:
            said = tell(told, "zh")
            assert HAN.search(said) and not english([said], SYMBOLS.split()), said
            assert numbers(said) == numbers(told) and "） " not in said


def test_the_machine_is_said_in_chinese():
    machine = RESULTS["beta"].machine
    assert "cores" in machine and "核" in tell(machine, "zh") and numbers(tell(machine, "zh")) == numbers(machine)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_has_a_label_and_every_label_a_figure(language):
    contexts = {place for place, _ in catalogue(language) if place and place.startswith("figure.")}
    assert contexts == {f"figure.{key}" for key in CLAIMS}
    for key, result in RESULTS.items():
        figures = list(result.finding.figures)
        labels = [label(key, figure, language) for figure in figures]
        assert len(set(labels)) == len(labels) and not set(labels) & set(figures)
        assert language == "en" or all(map(HAN.search, labels))
        used = {known for known in entries(f"figure.{key}") if any(fits(known, figure) for figure in figures)}
        assert used == set(entries(f"figure.{key}"))
    assert label("grid", "unheard_of", language) == "unheard_of"


def fits(known: str, figure: str) -> bool:
    """Whether a key with a part in braces is that of the figure, by the parts outside the braces."""
    start, _, rest = known.partition("{")
    end = rest.rpartition("}")[2]
    return figure == known if "{" not in known else figure.startswith(start) and figure.endswith(end)


def test_a_part_of_a_key_goes_into_its_label():
    assert label("beta", "tied_loss_0.7") == "beta 0.7 best or tied, loss (1: yes)"
    assert label("shadow", "degraded_1") != label("shadow", "degraded_6")
