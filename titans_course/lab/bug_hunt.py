"""BugHuntLab: name the check that a patient fails, then see token by token which reads moved but should not have."""

from typing import NamedTuple

from torch import Tensor

from ..bug_hunt import CHECKS, LOOKS, PATIENTS, TOKENS, build, failed, moved
from ..bug_hunt.checks import CLOSE
from ..figures.bug_hunt import moved_figure
from .controls import pick, slide
from .prediction import Prediction, PredictionPanel, asked

NONE = "none of them"


class Examined(NamedTuple):
    """Results for a patient: the check that it fails (`NONE`: it passes all), and how far each read moved."""

    patient: str
    failed: str
    moved: Tensor  # (t,)


QUESTION = asked("lab.bug_hunt", lambda found: found.failed, choices=(*CHECKS, NONE))


class BugHuntLab(PredictionPanel):
    """Choose a patient, predict the check that it fails, then look at its reads; each patient has a new question.

    Each control is an attribute: `lab.patient.value = "C"`, `lab.look.value = "parts"`, `lab.token.value = 4`.
    """

    context = "lab.bug_hunt"
    table = {"patient": pick(PATIENTS, "A"), "look": pick(LOOKS, "future"), "token": slide(1, TOKENS - 1, 6)}

    def __init__(
        self, patient: str = "A", *, predict: Prediction | None = QUESTION, language: str | None = None, **values
    ) -> None:
        super().__init__(predict, language)
        self.found: Examined | None = None
        self._make_controls(patient=patient, **values)
        self._watch(self.patient, self._close)
        self._begin()

    def compute(self) -> None:
        """Runs all checks on the patient and draws the selected look at its reads; does nothing while closed."""
        if not self.is_open:
            return
        name, look, token = self.settings
        memory = build(name)
        wrong = failed(memory)
        found = self.found = Examined(name, wrong[0] if wrong else NONE, moved(memory, look, token))
        self._draw(lambda say: moved_figure(found.moved.numpy(), look, token, say=say), found, top=80)
        early = found.moved[:token] if look == "future" else found.moved
        listed = ", ".join(str(place) for place in (early > CLOSE).nonzero().flatten().tolist())
        self._tell(lambda: [self.say("moved", patient=name, tokens=listed or self.say("moved=none"))])

    def _subject(self) -> str:
        return self.patient.value
