"""DrillLab: an incident, its strength and the thresholds; which alarm notices it, and after how many tokens?"""

from dataclasses import dataclass, replace

from titans_mini.errors import ConfigError, check_choice
from titans_mini.messages import Message
from titans_mini.operate import ALARMS, LanguageEngine, RecipeEngine, ShadowConfig
from titans_mini.operate.monitor import named
from titans_mini.training.checkpoint import load_model

from .. import language as languages
from ..figures.operate import timeline_figure
from ..studies.drill import INCIDENTS, Drill, DrillConfig, clean_drill, delays
from .controls import marks, pick
from .prediction import Answer, Prediction, PredictionPanel, asked

ENGINES = ("language", "recipe")
MODEL = "conv-mag"
CONTEXT = "lab.operations"


def first_alarm(drill: Drill) -> str:
    """The first alarm after the incident, and how many tokens later it came; "none" if there was none."""
    found = [(name, delay) for name, delay in delays(drill.events, drill.config.at).items() if name in ALARMS]
    return "none" if not found else f"{named(found[0][0])} after {found[0][1]:,} tokens"


@dataclass(frozen=True)
class AlarmPrediction(Prediction):
    """A question whose answer is an alarm and a number of tokens, such as `loss 300`, or `none`."""

    def read(self, entry: str | None) -> Answer:
        """As Prediction's."""
        words = str(entry or "").lower().replace(",", "").split()
        if words == ["none"]:
            return "none"
        kind, tokens = "_".join(words[:-1]), "".join(words[-1:])
        if kind not in ALARMS or not tokens.isdecimal():
            text = "prediction must be none, or an alarm and tokens such as loss 300, not {entry}"
            raise ConfigError(text, entry=repr(entry))
        return f"{named(kind)} after {int(tokens):,} tokens"

    def spell(self, answer: Answer, language: str) -> str:
        """As Prediction's."""
        return super().spell(spell_alarm(str(answer), language), language)


QUESTION = asked(CONTEXT, first_alarm, kind=AlarmPrediction, alarms=", ".join(map(named, ALARMS)))


class DrillLab(PredictionPanel):
    """Choose engine, incident, strength and thresholds; the time line shows what noticed it.

    With `predict` the plot stays closed until a prediction is entered; one may be made for each setting. Each control
    is an attribute: `lab.incident.value = "random_bytes"`.
    """

    context = CONTEXT
    table = {
        "engine": pick(ENGINES),
        "incident": pick(INCIDENTS),
        "duration": marks((100, 200, 300, 400, 600, 1000, 1500, 2500), 400, form="{:,}"),
        "factor": marks((1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0), 4.0, form="{:,}"),
        "times": marks((1.5, 2.0, 3.0, 5.0, 10.0), 3.0, form="{:,}"),
        "hold": marks((0, 500, 1000, 2000), 2000, form="{:,}"),
        "worse": marks((0.01, 0.05, 0.2, 0.5), 0.05, form="{:.0%}"),
    }

    def __init__(
        self,
        config: DrillConfig | None = None,
        *,
        engine: str = ENGINES[0],
        predict: Prediction | None = QUESTION,
        language: str | None = None,
    ) -> None:
        super().__init__(predict, language)
        self.config = config or DrillConfig()
        self.drill: Drill | None = None
        self._clean: dict[tuple, Drill] = {}  # the drill up to the incident, by the settings it depends on
        drill, limits, shadow = self.config, self.config.run.limits, self.config.run.shadow or ShadowConfig()
        strength = {"incident": drill.incident, "duration": drill.duration, "factor": drill.factor}
        self._make_controls(engine=engine, **strength, times=limits.times, hold=limits.hold, worse=shadow.threshold)
        self._begin()

    @property
    def settings(self) -> tuple[str, DrillConfig]:
        """(engine, drill) as the controls say now."""
        limits = replace(self.config.run.limits, times=self.times.value, hold=self.hold.value)
        shadow = replace(self.config.run.shadow or ShadowConfig(), threshold=self.worse.value)
        run = replace(self.config.run, limits=limits, shadow=shadow)
        chosen = {name: self.controls[name].value for name in ("incident", "duration", "factor")}
        return self.engine.value, replace(self.config, **chosen, run=run)

    def compute(self) -> None:
        """Runs the drill and shows its timeline; does nothing while closed."""
        if not self.is_open:
            return
        drill = self.drill = self._run(*self.settings)
        height = 560 if drill.runner.engine.predicts else 420
        self._draw(lambda say: timeline_figure(drill, height=height, say=say), drill)
        self._tell(lambda: report(drill, self.language.value))

    def _run(self, name: str, config: DrillConfig) -> Drill:
        key = (name, config.run)
        if key not in self._clean:
            others = [drill.runner.engine for (other, _), drill in self._clean.items() if other == name]
            engine = others[0] if others else make_engine(name)
            self._clean = {kept: drill for kept, drill in self._clean.items() if kept[0] != name}
            self._clean[key] = clean_drill(engine, config)
        return self._clean[key].play(config)


def make_engine(name: str) -> LanguageEngine | RecipeEngine:
    """The engine of that name, as the Operations page of the app has it."""
    return RecipeEngine() if check_choice("engine", name, ENGINES) == "recipe" else LanguageEngine(load_model(MODEL))


def report(drill: Drill, language: str = "en") -> list[str]:
    """What happened after the incident, in plain lines."""

    def say(key: str, **fields) -> str:
        return languages.say(CONTEXT, key, language, **fields)

    lines = [say("first", alarm=spell_alarm(first_alarm(drill), language))]
    came = delays(drill.events, drill.config.at).items()
    then = [f"{languages.tell(Message(named(name)), language)} {delay:,}" for name, delay in came]
    backs = [say("back", token=event.token) for event in drill.events if event.action == "rollback"]
    lines += [say("then", events=", ".join([*then, *backs[:3]]))] if then else []
    bound = drill.runner.monitor.bounds["norm"]
    near = "far" if drill.peak < bound / 10 else "reached" if drill.peak > bound else "below"
    return [*lines, say(f"norm={near}", peak=drill.peak, bound=bound)]


def spell_alarm(found: str, language: str) -> str:
    """What `first_alarm` says, in another language."""
    if found == "none":
        return languages.say(CONTEXT, "alarm=none", language)
    name, _, rest = found.partition(" after ")
    alarm = languages.tell(Message(name), language)
    return languages.say(CONTEXT, "alarm", language, alarm=alarm, tokens=rest.split()[0])
