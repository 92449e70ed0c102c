"""A rule of the design space as a value: from the pickers and back, spelled for a link, and as the code that makes it.

Pure functions and values: nothing here draws or keeps state.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from titans_mini import MemoryConfig
from titans_mini.errors import ConfigError, check_integer
from titans_mini.miras import KNOBS, PRESETS, Combination, MirasConfig
from titans_mini.miras.architecture import DEEP

KNOB_CONTROLS = {knob: knob for knob in KNOBS} | {"gate": "gating"}  # knob -> its control
NUMBERED = ("bias", "retention", "algorithm")
NUMBERS = ("theta", "alpha", *(f"{knob}_number" for knob in NUMBERED))  # of a configuration
SIZES = ("chunk", "clip", "scale", "depth")  # of a rule
CLIP = 1.0


@dataclass(frozen=True)
class Rule:
    """The inner rule and its sizes; settings that have no effect have one spelling."""

    config: MirasConfig
    chunk: int = 1
    clip: bool = False
    scale: str = "unit"
    depth: int = 2

    def memory(self, dim: int) -> MemoryConfig:
        """Sizes, chunk and clip over `dim` features."""
        clip = CLIP if self.clip else None
        return MemoryConfig(dim=dim, chunk=self.chunk, clip=clip, scale=self.scale, depth=self.depth)


def make_rule(config: MirasConfig, **sizes: object) -> Rule:
    """A rule without settings that have no effect: a number that is the default, a depth that is not used."""
    for knob in NUMBERED:
        number = KNOBS[knob][getattr(config, knob)].number
        if number is not None and config.number(knob) == number.default:
            config = replace(config, **{f"{knob}_number": None})
    if config.architecture not in DEEP:
        sizes["depth"] = 2
    if config.retention == "privacy":  # needs a bound on each token's gradient
        sizes["clip"] = True
    return Rule(config, **sizes)


def preset(name: str) -> Rule:
    """A published rule."""
    config, sizes = PRESETS[name].config, PRESETS[name].memory_config()
    return make_rule(config, chunk=sizes.chunk, clip=sizes.clip is not None, scale=sizes.scale, depth=sizes.depth)


def number_control(knob: str, choice: str) -> str | None:
    """The control that holds a choice's number, as in lq_q."""
    number = KNOBS[knob][choice].number
    return None if number is None else f"{choice}_{number.name}"


def names(values: dict) -> Combination:
    """The five names that are selected in the pickers."""
    return Combination(*(values[control] for control in KNOB_CONTROLS.values()))


def from_values(values: dict) -> Rule:
    """The rule that the controls ask for; raises ConfigError for names that do not go together."""
    chosen = names(values)
    controls = {knob: number_control(knob, getattr(chosen, knob)) for knob in NUMBERED}
    numbers = {f"{knob}_number": values[name] for knob, name in controls.items() if name is not None}
    config = MirasConfig(*chosen, theta=values["write"], alpha=values["forget"], **numbers)
    return make_rule(config, **{name: values[name] for name in SIZES})


def to_values(rule: Rule) -> dict:
    """The inverse: what fills the controls. Numbers of other choices stay as they are."""
    config = rule.config
    values = {control: getattr(config, knob) for knob, control in KNOB_CONTROLS.items()}
    for knob in NUMBERED:
        if (name := number_control(knob, getattr(config, knob))) is not None:
            values[name] = config.number(knob)
    sizes = {name: getattr(rule, name) for name in SIZES}
    return values | {"write": config.theta, "forget": config.alpha} | sizes


def name_of(rule: Rule) -> str | None:
    """The preset that this rule is."""
    return next((name for name in PRESETS if preset(name) == rule), None)


def spell(rule: Rule) -> str:
    """The rule as a link has it: a preset's name, or as in `matrix.l2.none.gd.constant,theta=0.5,chunk=16`."""
    found = _changes(rule.config) | _changed(rule, Rule(rule.config), SIZES)
    spelled = (f"{value:.9g}" if isinstance(value, float) else value for value in found.values())
    details = (f"{name}={value}" for name, value in zip(found, spelled, strict=True))
    return name_of(rule) or ",".join([".".join(rule.config.combination), *details])


def _changes(config: MirasConfig) -> dict[str, object]:
    """The numbers of a configuration that differ from the defaults of its combination."""
    return _changed(config, MirasConfig(*config.combination), NUMBERS)


def _changed(value: object, plain: object, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(value, name) for name in names if getattr(value, name) != getattr(plain, name)}


def _number(text: str) -> float:
    """A number of a choice; one that is whole may count something."""
    number = float(text)
    return int(number) if number.is_integer() else number


READERS = {
    "theta": float, "alpha": float, **{f"{knob}_number": _number for knob in NUMBERED},
    "chunk": int, "depth": int, "scale": str, "clip": lambda text: {"True": True, "False": False}[text],
}  # fmt: skip


def read(text: str, chunks: int = 64) -> Rule:
    """The inverse of `spell`; raises ConfigError."""
    if text in PRESETS:
        return preset(text)
    combination, *details = text.split(",")
    given = {}
    for detail in details:
        name, _, value = detail.partition("=")
        try:
            given[name] = READERS[name](value)
        except (KeyError, ValueError):
            raise ConfigError("versus has {detail}, which is no detail of a rule", detail=repr(detail)) from None
    parts = combination.split(".")
    if len(parts) != len(KNOBS):
        text = "versus must be nothing, a preset or five names with dots between, not {text}"
        raise ConfigError(text, text=repr(combination))
    sizes = {name: given.pop(name) for name in SIZES if name in given}
    check_integer("chunk", sizes.get("chunk", 1), 1, chunks)
    config = MirasConfig(*parts, **given)
    Rule(config, **sizes).memory(8)  # checks the sizes
    return make_rule(config, **sizes)


def to_code(rule: Rule, stream: dict, seed: int) -> str:
    """Python whose two middle lines make the rule, and whose rest repeats its run over make_pairs(**stream)."""
    name, sizes = name_of(rule), [f"dim={stream['dim']}", f"chunk={rule.chunk}"]
    arguments = [*map(repr, rule.config.combination)]
    arguments += [f"{name}={value!r}" for name, value in _changes(rule.config).items()]
    sizes += [] if rule.clip else ["clip=None"]
    sizes += [] if rule.scale == "unit" else [f"scale={rule.scale!r}"]
    sizes += [] if rule.depth == 2 else [f"depth={rule.depth}"]
    made = f"MirasConfig.preset({name!r})" if name else f"MirasConfig({', '.join(arguments)})"
    scaled = "stream.keys" if rule.scale == "unit" else "stream.keys * config.norm"
    return f"""from titans_mini import MemoryConfig
from titans_course.studies.asking import ask, judge
from titans_course.studies.streams import make_pairs
from titans_mini.miras import MirasConfig, MirasMemory, run

miras = {made}
memory = MirasMemory(config := MemoryConfig({", ".join(sizes)}), miras)  # a layer for any network: x (b, t, dim)

# The run on this page
stream = make_pairs({", ".join(f"{name}={value!r}" for name, value in stream.items())})
questions, keys = ask(stream.pair), {scaled}
trace = run(miras, keys, stream.values, keys[questions.shown], memory=config, seed={seed})
print(judge(stream, questions, trace).end_recall.mean())
"""
