"""ClaimsLab: predict the verdict of a claim, then see its figures with their spread, and the rule that judged them."""

from __future__ import annotations

import ipywidgets as w

from ..claims import CLAIMS, VERDICTS, load_results
from ..claims.report import Result
from ..claims.view import MISSING
from ..errors import check_choice
from ..figures.claims import finding_figure
from .prediction import Prediction, PredictionPanel

QUESTION = Prediction(
    "What did the measurement make of this claim?", lambda result: result.finding.verdict, choices=VERDICTS
)


class ClaimsLab(PredictionPanel):
    """Choose a claim, predict its verdict, then see figures, rule and command; each claim asks anew.

    `results` are those of the package unless others are given. `lab.claim.value = "beta"` chooses one by its key.
    """

    what = "audit"

    def __init__(
        self,
        claim: str = "share",
        *,
        results: dict[str, Result] | None = None,
        predict: Prediction | None = QUESTION,
    ) -> None:
        super().__init__(predict)
        self.results = load_results() if results is None else results
        self.found: Result | None = None
        self.claim = w.Dropdown(
            options=[(f"{key}: {row.claim}", key) for key, row in CLAIMS.items()],
            value=check_choice("claim", claim, CLAIMS),
            description="claim",
            tooltip="a row of the audit, by its key",
            layout=w.Layout(width="95%"),
        )
        self._make_guess(placeholder="", tooltip="then press the button")
        self.words = w.HTML(tooltip="what the papers say, in what section the claim is made, and its Chinese text")
        self.claim.observe(self._close, "value")
        self.claim.observe(self.changed, "value")
        self._close()
        self.changed()
        self.flush()

    def _close(self, _=None) -> None:
        """Another claim: what was seen of the last one goes, and the question comes back."""
        self.is_open, self.answer, self.found = self.predict is None, None, None
        if self.predict is not None:
            self.guess.value = None
        self.stage.draw(type(self.stage.figure)())
        self.say()
        row = CLAIMS[self.claim.value]
        papers = row.papers if row.source == "none" else f"{row.papers} ({row.source})"
        self.words.value = f"{row.claim_zh}<br>Section {row.section} of the article. The papers: {papers}."
        self._arrange()

    def _arrange(self) -> None:
        shown = [self.message, self.stage.box] if self.is_open else [self.message]
        self.panel.children = (self.claim, self.words, *self._question(), *shown)

    def compute(self) -> None:
        """Shows the row as it was measured; while closed, nothing; a row that is missing has its command."""
        if not self.is_open:
            return
        key = self.claim.value
        row, self.found = CLAIMS[key], self.results.get(key)
        if self.found is None:
            self.stage.draw(type(self.stage.figure)())
            self.say(f"{MISSING}; the command that does it:", *filter(None, (row.before, row.command)))
            return
        finding = self.found.finding
        figure = finding_figure(finding)
        if self.answer is not None and self._asked == key:
            self._title(figure, self.found, top=80)
        self.stage.draw(figure)
        size, seconds = self.found.size, self.found.seconds
        self.say(
            f"{finding.verdict}: {finding.told}.",
            f"Rule: {row.rule}",
            f"{size} size, {seconds:.0f} s; {row.command} --again",
        )

    def _subject(self) -> str:
        return self.claim.value
