"""ClaimsLab: predict the verdict of a claim, then see its figures with their spread, and the rule that judged them."""

from __future__ import annotations

import ipywidgets as w

from titans_mini.errors import check_choice

from ..claims import CLAIMS, VERDICTS, Reading, load_results
from ..claims.report import Result
from ..figures.claims import finding_figure
from .prediction import Prediction, PredictionPanel, asked
from .words import rename, roomy

QUESTION = asked("claims", lambda result: result.finding.verdict, choices=VERDICTS)


class ClaimsLab(PredictionPanel):
    """Choose a claim, predict its verdict, then see figures, rule and command; each claim asks anew.

    `results` are those of the package unless others are given. `lab.claim.value = "beta"` chooses one by its key.
    """

    texts = "claims"

    def __init__(
        self,
        claim: str = "share",
        *,
        results: dict[str, Result] | None = None,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
    ) -> None:
        super().__init__(predict, language)
        self.results = load_results() if results is None else results
        self.found: Result | None = None
        choices = w.Dropdown(options=list(CLAIMS), value=check_choice("claim", claim, CLAIMS))
        choices.layout.width = "95%"
        self.claim = self._name("claim", roomy(choices))
        self.controls = {"claim": self.claim}
        self.words = self._name("words", w.HTML())
        self._reword()
        self._watch(self.claim, self._close)
        self._watch(self.claim, self.changed)
        self._close()
        self.changed()
        self.flush()

    def _close(self, _=None) -> None:
        """Another claim: what was seen of the last one goes, and the question comes back."""
        self.is_open, self.answer, self.found = self.predict is None, None, None
        if self.predict is not None:
            self.guess.value = None
        self.stage.draw(type(self.stage.figure)())
        self._tell(list)
        self._describe()
        self._arrange()

    def _reword(self) -> None:
        super()._reword()
        said = "claim_zh" if self.say.language == "zh" else "claim"
        rename(self.claim, {key: self.say("row", key=key, claim=getattr(row, said)) for key, row in CLAIMS.items()})
        self._describe()

    def _describe(self) -> None:
        row = CLAIMS[self.claim.value]
        other = row.claim if self.say.language == "zh" else row.claim_zh
        papers = self.say.about("papers", self.claim.value, row.papers)
        if row.source != "none":
            papers = self.say("source", papers=papers, source=row.source)
        self.words.value = self.say("papers", other=other, section=row.section, papers=papers)

    def _arrange(self) -> None:
        self._show(self.claim, self.words, *self._below())

    def compute(self) -> None:
        """Shows the row as it was measured; while closed, nothing; a row that is missing has its command."""
        if not self.is_open:
            return
        key = self.claim.value
        row, self.found = CLAIMS[key], self.results.get(key)
        if self.found is None:
            self.stage.draw(type(self.stage.figure)())
            self._tell(lambda: [self.say("missing"), row.before, row.command])
            return
        finding = self.found.finding
        figure = finding_figure(finding, key)
        if self.answer is not None and self._asked == key:
            self._title(figure, self.found, top=80)
        self.stage.draw(figure)
        found = self.found
        self._tell(lambda: self._report(key, found))

    def _report(self, key: str, found: Result) -> list[str]:
        row, readings = CLAIMS[key], found.finding.readings
        verdict = self.say(f"answer={found.finding.verdict}")
        measured = {"size": self.say(f"size={found.size}"), "seconds": found.seconds, "command": row.command}
        if readings:
            told = [self.say("ways", verdict=verdict)]
            told += [self._reading(key, number, reading) for number, reading in enumerate(readings, 1)]
        else:
            told = [self.say("judged", verdict=verdict, told=self.say.translate(found.finding.told))]
        rules = [self.say("rule", rule=self.say.about("rule", key, row.rule))]
        for number, (name, way) in enumerate(row.ways.items(), 1):
            rule = self.say.about("reading_rule", f"{key}.{name}", way.rule)
            rules.append(self.say("reading_rule", number=number, rule=rule))
        return [*told, *rules, self.say("measured", **measured)]

    def _reading(self, key: str, number: int, reading: Reading) -> str:
        means = self.say.about("reading", f"{key}.{reading.name}", CLAIMS[key].ways[reading.name].means)
        verdict = self.say(f"answer={reading.verdict}")
        return self.say("reading", number=number, means=means, verdict=verdict, told=self.say.translate(reading.told))

    def _subject(self) -> str:
        return self.claim.value
