"""BugHuntLab: name the check that a patient fails, then see token by token what moved and should not have."""

from __future__ import annotations

from typing import NamedTuple

import ipywidgets as w
from torch import Tensor

from titans_mini.errors import check_choice, check_integer

from ..bug_hunt import CHECKS, LOOKS, PATIENTS, TOKENS, build, failed, moved
from ..bug_hunt.checks import CLOSE
from ..figures.bug_hunt import moved_figure
from .prediction import Prediction, PredictionPanel, asked
from .words import roomy

NONE = "none of them"
CONTROLS = ("patient", "look", "token")


class Examined(NamedTuple):
    """What is known of a patient: the check that it fails (`NONE`: all are passed), and how far each read moved."""

    patient: str
    failed: str
    moved: Tensor  # (t,)


QUESTION = asked("bug_hunt", lambda found: found.failed, choices=(*CHECKS, NONE))


class BugHuntLab(PredictionPanel):
    """Choose a patient, predict the check that it fails, then look at its reads; each patient asks anew.

    Each control is an attribute: `lab.patient.value = "C"`, `lab.look.value = "parts"`, `lab.token.value = 4`.
    """

    texts = "bug_hunt"

    def __init__(
        self,
        patient: str = "A",
        *,
        look: str = "future",
        token: int = 6,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
    ) -> None:
        super().__init__(predict, language)
        self.found: Examined | None = None
        check_choice("patient", patient, PATIENTS)
        check_choice("look", look, LOOKS)
        check_integer("token", token, 1, TOKENS - 1)
        self.patient = w.Dropdown(options=list(PATIENTS), value=patient)
        self.look = w.Dropdown(options=list(LOOKS), value=look)
        self.token = w.IntSlider(token, 1, TOKENS - 1, continuous_update=False)
        self.controls = {name: self._name(name, roomy(getattr(self, name))) for name in CONTROLS}
        self._watch(self.patient, self._close)
        for control in self.controls.values():
            self._watch(control, self.changed)
        self._arrange()
        self.changed()
        self.flush()

    def _close(self, _=None) -> None:
        """Another patient: what was seen of the last one goes, and the question comes back."""
        if self.predict is None:
            return
        self.is_open, self.answer, self.guess.value, self.found = False, None, None, None
        self.stage.draw(type(self.stage.figure)())
        self._tell(list)
        self._arrange()

    def compute(self) -> None:
        """Runs all checks on the patient and the chosen look at its reads; while closed, nothing."""
        if not self.is_open:
            return
        name, look, token = (control.value for control in self.controls.values())
        memory = build(name)
        wrong = failed(memory)
        self.found = Examined(name, wrong[0] if wrong else NONE, moved(memory, look, token))
        figure = moved_figure(self.found.moved.numpy(), look, token)
        if self.answer is not None and self._asked == name:
            self._title(figure, self.found, top=80)
        self.stage.draw(figure)
        early = self.found.moved[:token] if look == "future" else self.found.moved
        tokens = (early > CLOSE).nonzero().flatten().tolist()
        listed = ", ".join(map(str, tokens))
        self._tell(lambda: [self.say("moved", patient=name, tokens=listed or self.say("moved=none"))])

    def _subject(self) -> str:
        return self.patient.value
