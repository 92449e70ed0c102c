"""What is wrong with each patient: the check that it fails, the faulty piece of its source, and the right one."""

from typing import NamedTuple


class Fault(NamedTuple):
    """`check` is None if the patient passes all seven checks of the lesson."""

    check: str | None
    wrong: str
    right: str
    why: str


FAULTS = {
    "A": Fault(
        "future",
        "            reads.append(self.answer(M, q))  # (b, c, d)\n        return torch.cat(reads, dim=1), M",
        "                reads.append(self.answer(M, q[:, t]))\n        return torch.stack(reads, dim=1), M",
        "every query of a chunk is answered after the chunk's last write",
    ),
    "B": Fault(
        "rows",
        "each.mean(dim=0, keepdim=True)",
        "each",
        "the gradient is the batch's mean, so all rows write the same",
    ),
    "C": Fault(
        "parts",
        "(*M, x[:, -1:])",
        "(*M, series[:, -1:])",
        "x has been given a new meaning: the state keeps the mixed token, not the token",
    ),
    "D": Fault(
        "gradient",
        'd1 = torch.einsum("boh,bo->bh", W2, d2)',
        'd1 = torch.einsum("boh,bo->bh", W2, d2) * (1 - hidden**2)',
        "the slope of tanh is missing from the first layer's gradient",
    ),
    "E": Fault(
        "reach",
        "torch.autograd.grad(loss, M)",
        "torch.autograd.grad(loss, M, create_graph=True)",
        "without create_graph the inner gradient is a constant: keys and values never learn",
    ),
    "F": Fault(
        "write",
        "(1 - alpha) * W - S",
        "(1 - alpha) * W + S",
        "S holds the minus already; subtracting it climbs the loss",
    ),
    "G": Fault(
        "closed",
        "keep = torch.exp(-alpha)",
        "keep = 1 - alpha",
        "exp(-alpha) is nearly 1 - alpha, and nearly multiplies with every token",
    ),
    "H": Fault(
        None,
        "        W = M[0] - step\n        return ((1 - alpha) * W,)",
        "        return ((1 - alpha) * M[0] - step,)",
        "forgetting comes after the write and takes a share of the new pair, too",
    ),
}
