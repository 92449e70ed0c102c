"""Claims on perplexity: the order of the variants, and whether they beat a model that was trained without memory."""

from __future__ import annotations

from pathlib import Path

from titans_mini.errors import ConfigError
from titans_mini.files import parse, read_bytes
from titans_mini.kept import DIGEST, unseal
from titans_mini.training.checkpoint import BUNDLED
from titans_mini.training.controls import CONTROLS, is_control

from .finding import UNTESTED, Figures, Finding, Reading, Size, Spread, grade, weigh
from .models import ORDER

LENGTH = 2048  # bytes of held-out text over which a card tells the bits
WIKITEXT = {"mac": 19.93, "mag": 18.61, "mal": 19.07}  # at 760M; Paper: table 1
SHIPPED = CONTROLS  # those whose checkpoints are looked for
SEEDS = BUNDLED / "seeds"  # cards, without weights, of the same trainings with other seeds
STEPS, TIME = CONTROLS  # the controls of the same steps, and of about the same time


def measure_order(size: Size) -> Figures:
    """Nothing: models of 760M cannot be trained here. What the paper prints stands beside the claim."""
    return {f"wikitext_{variant}": WIKITEXT[variant] for variant in ORDER}


def judge_order(figures: Figures) -> Finding:
    """Cannot be tested here: it takes models of 760M parameters, trained on C4."""
    printed = sorted(ORDER, key=lambda variant: figures[f"wikitext_{variant}"])
    told = "models of 760M cannot be trained here; the paper prints nothing on C4, and on Wikitext at that size "
    told += ", ".join(f"{variant.upper()} {figures[f'wikitext_{variant}']:.2f}" for variant in printed)
    return Finding(UNTESTED, figures, told)


def read_cards(folder: str | None) -> dict[str, dict[int, dict]]:
    """Variant or control -> seed -> card, of the bundled text models, of the bundled cards of other seeds, and of the
    finished runs `text-NAME-SEED` in `folder`, which replace a bundled card of the same seed.

    Raises ConfigError where a card cannot be read or a run was trained otherwise than the bundled models.
    """
    paths = [BUNDLED / f"text-{variant}.json" for variant in ORDER]
    paths += [path for name in SHIPPED.values() if (path := BUNDLED / f"{name}.json").exists()]
    names = (*ORDER, *(name.removeprefix("text-") for name in CONTROLS.values()))
    paths += sorted(path for name in names for path in SEEDS.glob(f"text-{name}-[0-9]*.json"))
    if folder is not None:
        if not Path(folder).is_dir():
            raise ConfigError(f"runs must be a folder of training runs, not {folder!r}")
        paths += sorted(path for name in names for path in Path(folder).glob(f"text-{name}-[0-9]*/model.json"))
    cards: dict[str, dict[int, dict]] = {}
    wanted = steps = None
    for path in paths:
        try:
            card = parse(read_bytes(path))
            card = unseal(card) if DIGEST in card else card
            seed, made = card["training"]["seed"], _made(card)
            steps = steps or card["training"]["steps"]
            name = _name(card, steps)
            _bits(card)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ConfigError(f"runs: {str(path)!r} is not the card of a text model: {error!r}") from None
        wanted = wanted or made
        if made != wanted or (name != TIME and card["training"]["steps"] != steps):
            raise ConfigError(f"runs: {str(path)!r} was trained otherwise than the bundled text models")
        cards.setdefault(name, {})[seed] = card
    return cards


def _name(card: dict, steps: int) -> str:
    """The variant of a model that has a memory; of one that was trained without it, which control it is."""
    if not is_control(card):
        return card["model"]["variant"]
    return STEPS if card["training"]["steps"] == steps else TIME


def _made(card: dict) -> dict:
    """All that made a model, except for its variant, its seed, its memory and the number of its steps."""
    model, training = dict(card["model"]), dict(card["training"])
    del model["variant"], training["seed"], training["save_every"], training["memory"], training["steps"]
    return {"model": model, "training": training}


def _bits(card: dict) -> float:
    """Bits per byte of held-out text, read as the model was trained: with its memory, or a control without."""
    mode = "off" if is_control(card) else "on"
    return [row["bits"] for row in card["results"] if (row["size"], row["memory"]) == (LENGTH, mode)][0]


def measure_order_small(size: Size) -> Figures:
    """Bits per byte of each variant and each control, and their differences over the seeds that both have."""
    cards = read_cards(size.runs)
    bits = {name: {seed: _bits(card) for seed, card in sorted(found.items())} for name, found in cards.items()}
    figures: Figures = {f"bits_{_key(name)}": Spread.of(by_seed.values()) for name, by_seed in bits.items()}
    for first, second in zip(ORDER, ORDER[1:], strict=False):
        figures[f"{second}_minus_{first}"] = _difference(bits[second], bits[first])
    best = min(ORDER, key=lambda name: figures[f"bits_{name}"].mean)
    for control in CONTROLS:
        if set(bits.get(control, ())) & set(bits[best]):
            figures[f"{_key(control)}_minus_best"] = _difference(bits[control], bits[best])
    return figures


def _key(name: str) -> str:
    return name.replace(" ", "_")


def _difference(more: dict[int, float], less: dict[int, float]) -> Spread:
    """Over the seeds that both have; ConfigError where there is none."""
    common = sorted(set(more) & set(less))
    if not common:
        raise ConfigError("runs must hold each variant of at least one seed")
    return Spread.of(more[seed] - less[seed] for seed in common)


def _read_variants(figures: Figures) -> Reading:
    """Parts: the claimed order in every seed; MAC better than MAL on average. From one seed nothing."""
    keys = [f"{second}_minus_{first}" for first, second in zip(ORDER, ORDER[1:], strict=False)]
    steps = [figures[key] for key in keys]
    order = sorted((f"bits_{variant}" for variant in ORDER), key=lambda name: figures[name].mean)
    told = "small models on text, bits per byte, best first: "
    told += ", ".join(f"{name.removeprefix('bits_').upper()} {figures[name]}" for name in order)
    kept = (*order, *keys)
    if min(step.seeds for step in steps) < 2:
        told += "; not every variant has a second seed, so the noise is unknown"
        return Reading("variants", UNTESTED, told, kept)
    verdict = grade(all(step.low > 0 for step in steps), sum(step.mean for step in steps) > 0)
    return Reading("variants", verdict, f"{told}; over {min(step.seeds for step in steps)} seeds", kept)


def _read_control(control: str, figures: Figures) -> Reading:
    """Holds if the best variant needs fewer bits than the control in every seed. From one seed nothing."""
    name, key = _key(control), f"{_key(control)}_minus_best"
    if key not in figures:
        return Reading(name, UNTESTED, f"no model was trained without memory over the {control}", ())
    more = figures[key]
    told = (
        f"trained without memory over the {control}: {figures[f'bits_{name}']} bits per byte, "
        f"{more:+.3f} against the best variant"
    )
    verdict = UNTESTED if more.seeds < 2 else grade(more.low > 0)
    return Reading(name, verdict, told, (f"bits_{name}", key))


def judge_order_small(figures: Figures) -> Finding:
    """Holds if every reading does that can be tested, in part if some reading does, at least in part. While the order
    itself cannot be tested, for want of seeds, neither can the row."""
    order = _read_variants(figures)
    found = weigh(figures, order, *(_read_control(control, figures) for control in CONTROLS))
    return found._replace(verdict=UNTESTED) if order.verdict == UNTESTED else found
