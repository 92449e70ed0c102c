"""Strings of the page Anatomy."""

TEXTS = {
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
}
