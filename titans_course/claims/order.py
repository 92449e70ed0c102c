"""Claims on perplexity: the order of the variants, and whether they beat a model that was trained without memory."""

from functools import partial
from itertools import pairwise
from pathlib import Path

from titans_mini.errors import ConfigError
from titans_mini.files import parse, read_bytes
from titans_mini.kept import DIGEST, unseal
from titans_mini.messages import Message
from titans_mini.training.checkpoint import BUNDLED

from ..studies.controls import CONTROLS, is_control
from .claim import TITANS, Claim, Judged, Way
from .finding import UNTESTED, Figures, Size, Spread, grade, listed
from .models import ORDER

WIKITEXT = {"mac": 19.93, "mag": 18.61, "mal": 19.07}  # at 760M; Paper: table 1
SHIPPED = CONTROLS  # those whose checkpoints are looked for
SEEDS = BUNDLED / "seeds"  # cards, without weights, of the same training with other seeds
STEPS, TIME = CONTROLS  # the controls of the same steps, and of about the same time
STEPPED = tuple(f"{second}_minus_{first}" for first, second in pairwise(ORDER))  # figures: bits from one to the next
TRAINING = (
    "for s in 0 1 2; do for v in mac mag mal off off-long; do set -- --variant $v; case $v in mac) set -- $@ --window "
    "32;; off) set -- --variant mag --memory off;; off-long) set -- --variant mag --memory off --steps 600;; esac; "
    "titans-mini train --task text --memory-layers 0 --memory-heads 4 --memory-depth 1 --reach 2 3 4 6 --copy "
    "--no-momentum --chunk 32 --rows 4 --start-size 2048 --size 16384 --truncate 256 --returns 0.2 --lr 4e-3 "
    '--steps 100 "$@" --seed $s --out runs/text-$v-$s; done; done'
)


def measure_order(size: Size) -> Figures:
    """Measures nothing: models of 760M cannot be trained here. The paper's printed numbers stand beside the claim."""
    return {f"wikitext_{variant}": WIKITEXT[variant] for variant in ORDER}


def judge_order(figures: Figures) -> Judged:
    """Cannot be tested here: that takes models of 760M parameters, trained on C4."""
    printed = sorted((figures[f"wikitext_{variant}"], variant) for variant in ORDER)
    told = Message(
        "models of 760M cannot be trained here; the paper prints nothing on C4, and on Wikitext at that size {figures}",
        figures=", ".join(f"{variant.upper()} {perplexity:.2f}" for perplexity, variant in printed),
    )
    return Judged(UNTESTED, told)


PUBLISHED = Claim(
    key="order", section="2.3", source=TITANS,
    claim="Measured perplexity (C4, 760M): MAC 8.9, MAG 9.4, MAL 9.7",
    claim_zh="实测困惑度(C4, 760M) … MAC … 8.9 … MAG … 9.4 … MAL … 9.7",
    papers="no C4; on Wikitext at 760M MAC 19.93, MAG 18.61, MAL 19.07, so MAC is last",
    measure=measure_order, judged=judge_order,
)  # fmt: skip


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
            raise ConfigError("runs must be a folder of training runs, not {folder}", folder=repr(folder))
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
            text = "runs: {path} is not the card of a text model: {reason}"
            raise ConfigError(text, path=repr(str(path)), reason=repr(error)) from None
        wanted = wanted or made
        if made != wanted or (name != TIME and card["training"]["steps"] != steps):
            text = "runs: {path} has other settings than the training of the bundled text models"
            raise ConfigError(text, path=repr(str(path)))
        cards.setdefault(name, {})[seed] = card
    return cards


def _name(card: dict, steps: int) -> str:
    """The variant of a model that has a memory; of one that was trained without it, which control it is."""
    if not is_control(card):
        return card["model"]["variant"]
    return STEPS if card["training"]["steps"] == steps else TIME


def _made(card: dict) -> dict:
    """All settings that made a model, except its variant, its seed, its memory and the number of its steps.

    The window is left out too, since that of MAC is its chunk.
    """
    model, training = dict(card["model"]), dict(card["training"])
    for name in ("variant", "window"):
        del model[name]
    for name in ("seed", "save_every", "memory", "steps"):
        del training[name]
    return {"model": model, "training": training}


def _bits(card: dict) -> float:
    """Bits per byte of held-out text, read as the model was trained: as long, with its memory, or without."""
    read = card["training"]["size"], "off" if is_control(card) else "on"
    return [row["bits"] for row in card["results"] if (row["size"], row["memory"]) == read][0]


def measure_order_small(size: Size) -> Figures:
    """Bits per byte of each variant and each control, and their differences over the seeds that both have."""
    cards = read_cards(size.runs)
    bits = {name: {seed: _bits(card) for seed, card in sorted(found.items())} for name, found in cards.items()}
    figures: Figures = {f"bits_{_key(name)}": Spread.of(by_seed.values()) for name, by_seed in bits.items()}
    for first, second in pairwise(ORDER):
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
        raise ConfigError("runs must hold every variant for at least one common seed")
    return Spread.of(more[seed] - less[seed] for seed in common)


def judge_variants(figures: Figures) -> Judged:
    """Parts: this order in every seed; MAC better than MAL on average. One seed cannot decide."""
    steps = [figures[key] for key in STEPPED]
    order = sorted((f"bits_{variant}" for variant in ORDER), key=lambda name: figures[name].mean)
    variants = listed(
        Message("{variant} {bits}", variant=name.removeprefix("bits_").upper(), bits=figures[name].tell())
        for name in order
    )
    seeds = min(step.seeds for step in steps)
    if seeds < 2:
        noise = Message("not every variant has a second seed, so the noise is unknown")
        verdict = UNTESTED
    else:
        noise = Message("over {seeds} seeds", seeds=seeds)
        verdict = grade(all(step.low > 0 for step in steps), sum(step.mean for step in steps) > 0)
    told = Message(
        "small models on text, bits per byte, best first: {variants}; {noise}", variants=variants, noise=noise
    )
    return Judged(verdict, told, (*order, *STEPPED))


def judge_control(control: str, figures: Figures) -> Judged:
    """Holds if the best variant needs fewer bits in every seed. One seed cannot decide."""
    bits, more = f"bits_{_key(control)}", f"{_key(control)}_minus_best"
    if more not in figures:
        told = Message("no model was trained without memory over the {control}", control=Message(control))
        return Judged(UNTESTED, told)
    told = Message(
        "trained without memory over the {control}: {bits} bits per byte, {more} against the best variant",
        control=Message(control), bits=figures[bits].tell(), more=figures[more].tell("+.3f"),
    )  # fmt: skip
    verdict = UNTESTED if figures[more].seeds < 2 else grade(figures[more].low > 0)
    return Judged(verdict, told, (bits, more))


ORDER_SMALL = Claim(
    key="order_small", section="2.3", source=TITANS,
    claim="Three ways to integrate: MAC 8.9, MAG 9.4, MAL 9.7 (here only their order is judged, among small models)",
    claim_zh="三种集成姿势 … MAC … 8.9 … MAG … 9.4 … MAL … 9.7",
    papers="no models of this size; from 340M to 760M each variant is ahead of a Transformer without memory (table 1)",
    measure=measure_order_small,
    readings={
        "variants": Way("MAC needs the fewest bits, MAG more, MAL most", judge_variants),
        _key(STEPS): Way(
            "the memory makes the difference: the best variant beats a model trained without it for as many steps",
            partial(judge_control, STEPS),
        ),
        _key(TIME): Way(
            "the best variant also beats a model trained without memory for about as long a time",
            partial(judge_control, TIME),
        ),
    },
    needs="variants", note="If there are too few seeds to test the order itself, the row cannot be tested.",
    before=TRAINING, flags=" --runs runs",
)  # fmt: skip
