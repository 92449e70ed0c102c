"""The memory algorithms by name: those of MIRAS (`steps`), and those that came after Titans (`later`)."""

from .choice import ATLAS, HOPE, MESA, MIRAS, TNT, Choice, Number, equation
from .later import (
    also_unwrite,
    global_local,
    levels,
    product,
    self_modifying,
    statistics,
    windowed,
)
from .steps import (
    Algorithm,
    adam,
    adam_slots,
    at_decayed,
    at_start,
    descend,
    implicit,
    momentum,
    muon,
    one_slot,
    rmsprop,
    several,
)

CARRIED = Number("eta", 0.9, 0.0, 1.0)
WINDOW = Number("c", 4, 1, 64, whole=True)

ALGORITHMS: dict[str, Choice] = {
    "gd": Choice(
        lambda number: Algorithm(at_start, descend, one_slot), "gradient descent", "u = -theta grad", "DeltaNet, TTT"
    ),
    "momentum": Choice(
        lambda number: Algorithm(at_start, momentum, one_slot, number), "gradients that last",
        "u = S = eta S - theta grad", equation("14"), CARRIED,
    ),
    "gated_delta": Choice(
        lambda number: Algorithm(at_decayed, descend), "gradient descent from the decayed memory",
        "u = -theta grad at (1 - alpha) W", "Gated DeltaNet (arXiv 2412.06464)",
    ),
    "implicit": Choice(
        lambda number: Algorithm(implicit, descend), "the step whose end it is taken at: stable at any theta",
        "u = -theta grad / (1 + 2 theta ||k||^2)", f"{MIRAS}, Longhorn",
    ),
    "multistep": Choice(
        lambda number: Algorithm(several(number), descend), "several steps on each token", "u = -theta sum of grads",
        MIRAS, Number("steps", 3, 2, 16, whole=True),
    ),
    "adam": Choice(
        lambda number: Algorithm(at_start, adam(number), adam_slots), "a step of the same size for every weight",
        "u = -theta mean / root mean square", "Kingma & Ba 2015", Number("beta2", 0.99, 0.0, 0.99999),
    ),
    "rmsprop": Choice(
        lambda number: Algorithm(at_start, rmsprop(number), one_slot), "the same without an average of gradients",
        "u = -theta grad / root mean square", "Tieleman & Hinton 2012", Number("rho", 0.9, 0.0, 0.99999),
    ),
    "muon": Choice(
        lambda number: Algorithm(at_start, muon, one_slot, number), "a step of the same size in every direction",
        "S = eta S - theta grad, u = theta NewtonSchulz(S)", "ATLAS (arXiv 2505.23735)", CARRIED,
    ),
    "omega": Choice(
        windowed(descend, one_slot), "the gradients of the last c tokens, at the weights of now",
        "u = -theta sum_i gamma_i grad_i", ATLAS, WINDOW,
    ),
    "omega_momentum": Choice(
        windowed(momentum, one_slot, 0.9), "the same, and it lasts", "u = S = eta S - theta sum_i gamma_i grad_i",
        ATLAS, WINDOW,
    ),
    "omega_muon": Choice(
        windowed(muon, one_slot, 0.9), "the same, with a step of one size in every direction",
        "S = eta S - theta sum_i gamma_i grad_i, u = theta NewtonSchulz(S)", ATLAS, WINDOW,
    ),
    "delta_gd": Choice(
        lambda number: Algorithm(also_unwrite, descend, one_slot), "also takes out what the key held",
        "u = -theta / (1 + theta) (grad + W k k^T)", HOPE,
    ),
    "product": Choice(
        product, "writes other pairs, made from the token, before its own",
        "u = -theta sum of grads, each after the last", "DeltaProduct (arXiv 2502.10297)",
        Number("pairs", 2, 2, 4, whole=True),
    ),
    "levels": Choice(
        levels, "level l writes every C^l tokens what it has gathered", "u = -sum of theta grad, or 0", f"{HOPE}, CMS",
        Number("C", 4, 1, 512, whole=True),
    ),
    "global_local": Choice(
        global_local, "the global half writes every C tokens, the local half restarts then",
        "G: u = -sum of theta grad", TNT, Number("C", 64, 1, 65536, whole=True),
    ),
    "closed_form": Choice(
        lambda number: Algorithm(statistics, descend, one_slot), "the best matrix for all that was read, solved for",
        "G = (1 - alpha) G + theta v k^T, H = (1 - alpha) H + theta k k^T", MESA,
    ),
    "self_modifying": Choice(
        lambda number: Algorithm(self_modifying, descend, one_slot), "the maps of key and value learn too",
        "k = M_k x, v = M_v y; each M as delta_gd", HOPE,
    ),
}  # fmt: skip
