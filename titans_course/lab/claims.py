"""ClaimsLab: predict the verdict of a claim, then see its figures with their spread, and the rule that judged them."""

from functools import partial

import plotly.graph_objects as go

from .. import language as languages
from ..claims import CLAIMS, VERDICTS, Reading, load_results
from ..claims.report import Result
from ..claims.view import label
from ..figures.claims import finding_figure
from .controls import pick, rename, w
from .prediction import Prediction, PredictionPanel, asked

QUESTION = asked("lab.claims", lambda result: result.finding.verdict, choices=VERDICTS)


class ClaimsLab(PredictionPanel):
    """Choose a claim, predict its verdict, then see figures, rule and command; each claim has a new question.

    `results` are those of the package unless others are given. `lab.claim.value = "beta"` selects a claim by its key.
    """

    context = "lab.claims"
    table = {"claim": pick(CLAIMS, "share", width="95%")}

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
        self._make_controls(claim=claim)
        self.words = self._name("words", w.HTML())
        self._reword()
        self._watch(self.claim, self._close)
        self._begin()

    def _close(self, _=None) -> None:
        super()._close()
        self._describe()

    def _reword(self) -> None:
        super()._reword()
        said = "claim_zh" if self.language.value == "zh" else "claim"
        rename(self.claim, {key: self.say("row", key=key, claim=getattr(row, said)) for key, row in CLAIMS.items()})
        self._describe()

    def _describe(self) -> None:
        row = CLAIMS[self.claim.value]
        other = row.claim if self.language.value == "zh" else row.claim_zh
        papers = self._about("papers", self.claim.value, row.papers)
        if row.source != "none":
            papers = self.say("source", papers=papers, source=row.source)
        self.words.value = self.say("papers", other=other, section=row.section, papers=papers)

    def _arrange(self) -> None:
        self._show(self.claim, self.words, *self._below())

    def compute(self) -> None:
        """Shows the measured row, or the command for a row not yet measured; does nothing while closed."""
        if not self.is_open:
            return
        key = self.claim.value
        row, self.found = CLAIMS[key], self.results.get(key)
        if self.found is None:
            self._draw(lambda say: go.Figure())
            self._tell(lambda: [self.say("missing"), row.before, row.command])
            return
        found = self.found

        def draw(say):
            labels = partial(label, language=self.language.value)
            return finding_figure(found.finding, key, labels=labels, say=say)

        self._draw(draw, found, top=80)
        self._tell(lambda: self._report(key, found))

    def _report(self, key: str, found: Result) -> list[str]:
        row, readings = CLAIMS[key], found.finding.readings
        verdict = self.say(f"answer={found.finding.verdict}")
        measured = {"size": self.say(f"size={found.size}"), "seconds": found.seconds, "command": row.command}
        if readings:
            told = [self.say("ways", verdict=verdict)]
            told += [self._reading(key, number, reading) for number, reading in enumerate(readings, 1)]
        else:
            told = [self.say("judged", verdict=verdict, told=self.tell(found.finding.told))]
        rules = [self.say("rule", rule=self._about("rule", key, row.rule))]
        for number, (name, way) in enumerate(row.ways.items(), 1):
            rule = self._about("reading_rule", f"{key}.{name}", way.rule)
            rules.append(self.say("reading_rule", number=number, rule=rule))
        return [*told, *rules, self.say("measured", **measured)]

    def _reading(self, key: str, number: int, reading: Reading) -> str:
        means = self._about("reading", f"{key}.{reading.name}", CLAIMS[key].ways[reading.name].means)
        verdict = self.say(f"answer={reading.verdict}")
        return self.say("reading", number=number, means=means, verdict=verdict, told=self.tell(reading.told))

    def _about(self, group: str, name: str, english: str) -> str:
        return languages.about(group, name, english, self.language.value)

    def _subject(self) -> str:
        return self.claim.value
