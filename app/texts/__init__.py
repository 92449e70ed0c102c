"""All strings that people read, by language and key; `say(key, ...)` fills one in."""

from __future__ import annotations

import re

from texts.claims import ENGLISH as CLAIMS
from texts.miras import ENGLISH as MIRAS
from texts.operations import ENGLISH as OPERATIONS
from texts.tuning import ENGLISH as TUNING
from texts.variants import ENGLISH as VARIANTS

LANGUAGE = "en"

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "app": "titans_mini",
        "simulator": "Simulator",
        "title": "A memory that learns while it reads",
        "lead": "Move **tau** first: it decides what is surprising enough to be written.",
        "phone": "The sliders open with the » at the top left.",
        # controls: label and help
        "stream": "Stream",
        "stream?": "What the memory reads, byte by byte: real text, your own text, or a stream whose truth is known.",
        "tau": "tau · threshold of surprise",
        "tau?": "A token is written when smoothed surprise S passes tau. Low: nearly all is written. High: nothing is.",
        "beta": "beta · smoothing of surprise",
        "beta?": "Share of S that stays from token to token. 0: S jitters with each token. Near 1: S comes late.",
        "lam": "lambda · decay",
        "lam?": "Share of the weights that fades at each token that is not written (constant gate: at each one).",
        "eta": "eta · step of a write",
        "eta?": "How far one write moves the weights. Too large: each write overshoots and the memory diverges.",
        "softness": "softness · width of the threshold",
        "softness?": "Small: the write gate is a switch at tau. Large: it is a gentle slope.",
        "more": "Gate, memory and run",
        "gate": "Gate",
        "gate?": "surprise: the recipe, where surprise opens the gate. constant: the paper's rule with its gates held "
        "still, theta = eta, momentum eta_t = beta, alpha = lambda.",
        "normaliser": "Normaliser of surprise",
        "normaliser?": "How the gradient's norm becomes a number from 0 to 1. The recipe does not say; 'excess' "
        "gives its 30 to 80 writes per 1,000 tokens.",
        "scale": "Scale of keys and values",
        "scale?": "rms: norm sqrt(d), as after a transformer's RMSNorm, which the recipe's constants expect. "
        "unit: norm 1, as in the paper.",
        "chunk": "Chunk",
        "chunk?": "Tokens whose gradients are taken at the same weights. 1 is the plain token loop; more is faster.",
        "depth": "Depth",
        "depth?": "Weight matrices of the memory. 1 is a linear memory.",
        "tokens": "Tokens",
        "tokens?": "Length of the run, 1 to 10,000. A shorter text ends the run earlier.",
        "seed": "Seed",
        "seed?": "Draws the first weights, the keys and values, and the random streams. Same seed, same picture.",
        "reset": "Reset",
        "reset?": "Back to the very picture that this page opened with.",
        "defaults": "Defaults",
        "defaults?": "The recipe's own settings on the bundled text.",
        "pin": "Pin as A",
        "pin?": "Keeps this run in grey behind the next ones, which run with the same seed.",
        "unpin": "Unpin A",
        "unpin?": "Takes the grey run A away.",
        # streams
        "stream=text": "Real text: the manual pages inside Python.",
        "stream=paste": "Your own text.",
        "stream=upload": "Your own file.",
        "stream=steady": "One short passage over and over.",
        "stream=repetition": "A long passage, read twice.",
        "stream=novelty_burst": "Random figures inside a steady stream.",
        "stream=topic_shift": "A passage of prose, then one of figures.",
        "stream=outliers": "Single values, far too large and wrong.",
        "stream=noise": "Random bytes: nothing to learn.",
        "stream=silence": "A stretch where nothing comes in.",
        "paste": "Text",
        "paste?": "Up to 20,000 characters; it stays in your session and is not part of the link. "
        "Press Ctrl+Enter to run it.",
        "sample": "The cat sat on the mat. The cat sat on the mat. The cat sat on the mat. "
        "The dog ate 47 figs! The cat sat on the mat. The cat sat on the mat.\n",
        "upload": "Text file",
        "upload?": "A UTF-8 text of at most 10 MB; it stays in your session and is not part of the link.",
        "no_file": "No file yet: the picture is of {name}.",
        "bad_source": "{error}. The picture is still of {name}.",
        "bad_settings": "{error}. The picture is the last one that could be run.",
        "source=text": "the bundled text",
        "source=paste": "the pasted text",
        "source=upload": "the file {name}",
        "source=scenario": "the stream '{name}'",
        "bad_link": "The link has settings that cannot be used, so their defaults stand in: {problems}.",
        "unknown": "{name} is no setting",
        "unknown_hide": "hide={name} is no control",
        # headline numbers
        "writes": "Writes per 1,000",
        "writes?": "Tokens whose write gate is above one half, per 1,000. The recipe calls 30 to 80 normal.",
        "writes=low": "below 30 to 80",
        "writes=normal": "within 30 to 80",
        "writes=high": "above 30 to 80",
        "mean_surprise": "Mean surprise",
        "mean_surprise?": "Mean of the normalised surprise, 0 to 1.",
        "norm": "Memory norm",
        "norm?": "Size of the weights (Frobenius norm) before the first token and after the last.",
        "loss": "Inner loss",
        "loss?": "Error of the memory before each write, relative to the values: mean of the first and last tenth.",
        "seconds": "Compute",
        "seconds?": "Time that the run itself took on this machine, without drawing.",
        "arrow": "{start} → {end}",
        "A": "A: {value}",
        "differs": "**A** (grey) against this run: {changes}",
        "same": "**A** (grey) is this very run. Move a slider to compare.",
        "A_stream": "A read {name}",
        # divergence
        "diverged": "**Diverged at token {token}** ({character}): {cause}",
        "diverged_eta": "the step eta = {old} is too large. Each write overshoots, the error grows, and the weights "
        "leave the range of numbers. With eta = {new} the same run stays finite{grey}.",
        "diverged_beta": "the momentum beta = {old} carries every step on, and steps pile up until the weights leave "
        "the range of numbers. With beta = {new} the same run stays finite{grey}.",
        "diverged_other": "the weights leave the range of numbers, and no milder eta or beta alone prevents it: "
        "choose the scale 'unit' or a smaller depth.",
        "diverged_grey": " (grey)",
        "mend": "Set {name} to {value}",
        "mend?": "Changes this one setting, so that the run stays finite.",
        # failure gallery
        "gallery": "Make it fail",
        "gallery?": "Each failure that the recipe warns of: one click sets the sliders, measures, and judges. "
        "A second click goes back to the defaults. Grey: the default on the same stream.",
        "gallery_pill": "{title}",
        "outcome=seen": ":green-badge[seen]",
        "outcome=not seen": ":orange-badge[not seen]",
        "outcome=not possible": ":violet-badge[not possible]",
        "verdict": "{outcome} **{title}** is said to bring **{claim}**. {number}: **{value}**, at the default "
        "**{default}**.",
        "why": "{rule}. Why: {reason}.",
        # player
        "token": "Token",
        "token?": "The token that text, formula and curves point at. Drag it, step, or play.",
        "back": "Step back",
        "forward": "Step on",
        "play": "Play",
        "pause": "Pause",
        "play?": "Moves on by itself, twice a second.",
        "pace": "Tokens a step",
        "pace?": "How many tokens one step, or one beat of playing, moves on.",
        "next": "Next write",
        "next?": "Jumps to the next token that is written.",
        "legend": "Redder: more surprising. Underlined in blue: written. Boxed: the chosen token.",
        "formula": "Token {token}, {character}, with its numbers",
        "no_numbers": "The run diverged at token {token}: from there on it has no numbers.",
        "chart": "Surprise, gates, memory norm, inner loss and write frequency of the run over its tokens",
        "recall_chart": "Recall at the end of the run by the token at which a pair was read",
        # below the curves
        "recall": "What is still known at the end, by age",
        "recall?": "Each pair is asked for once more after the last token: 1 is perfect, 0 is as good as silence.",
        "no_recall": "A run that diverged knows nothing at its end.",
        "this_run": "this run",
        "pinned": "A",
        "downloads": "Take it with you",
        "csv": "CSV",
        "csv?": "One row a token, with the settings in the first line.",
        "json": "JSON",
        "json?": "Everything, settings included; titans_mini.Trace.from_json reads it back.",
        "html": "HTML",
        "html?": "One page with curves, text and code that opens anywhere, offline too (about 5 MB).",
        "code": "Python that repeats this run",
        "code_file": "Save the uploaded file as {name} beside the script first.",
        "link": "The address bar holds these settings: copy it to share this very picture.",
        # anatomy
        "anatomy": "Anatomy",
        "anatomy_title": "One token taken apart",
        "anatomy_more": "Normaliser, scale and run",
        "anatomy_token?": "The token that is taken apart, as the memory stands just before it. Drag it or step.",
        "anatomy_past": "This run has no numbers for token {token}: the last one that has, {last}, is shown.",
        "anatomy_end": "The run has no numbers from token {token} on, so the slider ends just before it.",
        "anatomy_overflow": "With theta = {theta} this write leaves the range of numbers: the loss after it cannot be "
        "told. Choose a smaller theta, or an earlier token.",
        "dim": "Width of the memory",
        "dim?": "Length of keys and values. Small, so that each number is a cell that can be seen.",
        "auto": "Let the gate decide",
        "auto?": "On: surprise sets theta and alpha, as in the run. Off: the two sliders set them, for this token "
        "alone; the run up to it stays as it was.",
        "theta": "theta by hand · size of the write",
        "theta?": "How far this write moves the weights against the gradient. 0 writes nothing; too much overshoots.",
        "alpha": "alpha by hand · decay",
        "alpha?": "Share of all weights that this step takes away. 0 keeps all; 1 forgets all.",
        "layer": "Layer",
        "layer?": "Which weight matrix is shown. The first takes the key, the last gives the prediction.",
        "raw": "Raw surprise",
        "raw?": "Norm of the gradient over the square root of the width. A layer's norm is that of its two factors, "
        "multiplied.",
        "theta_now": "theta",
        "theta_now?": "Size of this write. By the gate: eta times g_write.",
        "alpha_now": "alpha",
        "alpha_now?": "Decay of this step. By the gate: lambda times g_forget.",
        "loss_now": "Loss of this pair",
        "loss_now?": "Squared error of M(k) against v, relative to the values, before and after this write.",
        "norm_now": "Memory norm",
        "norm_now?": "Size of all weights (Frobenius norm) before and after this step.",
        "arrow_end": "→ {end}",
        "gate_says": "gate: {value}",
        "infinite": "∞",
        "guide=vectors": "Key, value, what the memory answers, and how far that is off. "
        "Red: above 0. Blue: below. Clear: 0.",
        "guide=maps": "The gradient is δ, upright, times a, across: rows are alike but for a factor. "
        "The change is theta times it, turned round, less alpha of W. In layer 1 a is k; in the last layer δ is twice "
        "the error.",
        "guide=curve": "How good a write of this pair could be: too small does little, too large overshoots.",
        "guide": "**Try this**\n"
        "- Switch the gate off and slide theta: at depth 1 one size of write makes the loss 0, and twice that size "
        "brings it back.\n"
        "- Set theta to 0 and alpha to 0.3: all weights fade, and nothing is learned.\n"
        "- Switch the gate on and step to a token that is not underlined: theta is near 0, and W stays as it was.\n"
        "- Take depth 2: the last layer's δ is still twice the error; the first layer's δ is that, led back through "
        "the last layer's weights.",
        "alt=vectors": "Key, value, prediction and error as strips of cells",
        "alt=gradient": "The gradient of this layer as a heat map, with its two factors along its edges",
        "alt=before": "The weights of this layer before the write, as a heat map",
        "alt=change": "The change of the weights of this layer, as a heat map",
        "alt=after": "The weights of this layer after the write, as a heat map",
        "alt=curve": "The loss after the write against theta, with this write marked",
        **VARIANTS,
        **MIRAS,
        **TUNING,
        **OPERATIONS,
        **CLAIMS,
    },
}

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!$:<>~|&])")


def say(key: str, **values: object) -> str:
    """The text of `key` in the chosen language, with `values` filled in."""
    return TEXTS[LANGUAGE][key].format(**values)


def plain(text: object, limit: int = 200) -> str:
    """Anything from outside as Markdown that shows just itself, on one line and cut at `limit` characters."""
    line = " ".join(str(text).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _SPECIAL.sub(r"\\\1", line)
