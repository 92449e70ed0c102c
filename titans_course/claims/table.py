"""The table of the claims, in the order of the article. "none" means that neither paper says anything about a claim."""

from .body import ATTENTION_CONTEXT, FROZEN_BODY
from .claim import Claim, Way
from .counting import BABILONG, OPEN_SOURCE, SHARE
from .experiments import QUANTIZED, REWARD, TWO_LINES
from .failures import BETA_FAILURES, LAMBDA_FAILURES, TAU_FAILURES
from .models import FORGET, USES
from .operations import ALARMS, LINEAR_COST, SESSIONS, SHADOW
from .order import ORDER_SMALL, PUBLISHED
from .precision import PRECISION
from .recipe import CONSTANTS, SURPRISE, USEFUL, WRITES
from .retrieval import RAG
from .robust import MONETA, YAAD
from .tuning import BETA, DEPTH, GRID, TAU

__all__ = ["CLAIMS", "Claim", "Way"]

CLAIMS: dict[str, Claim] = {
    claim.key: claim
    for claim in (
        BABILONG, OPEN_SOURCE, RAG, FROZEN_BODY, SURPRISE, BETA, TAU, FORGET, CONSTANTS, DEPTH, SHARE, PUBLISHED,
        ORDER_SMALL, USES, ATTENTION_CONTEXT, TAU_FAILURES, BETA_FAILURES, LAMBDA_FAILURES, GRID, YAAD, MONETA,
        TWO_LINES, WRITES, ALARMS, SHADOW, LINEAR_COST, PRECISION, USEFUL, REWARD, QUANTIZED, SESSIONS,
    )
}  # fmt: skip
