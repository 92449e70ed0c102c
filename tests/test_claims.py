"""Every claim is measured at the small size, and its rule can say each of its verdicts."""

import functools
import json
import math

import pytest

from titans_mini import ConfigError
from titans_mini.claims import CLAIMS, SIZES, VERDICTS, Finding, Spread
from titans_mini.claims.finding import FAILS, HOLDS, LOST, PART, UNTESTED, grade
from titans_mini.claims.models import ORDER
from titans_mini.claims.tuning import BETAS, TAUS
from titans_mini.config import NORMALISER_NAMES
from titans_mini.tune.objectives import OBJECTIVES

examine = functools.cache(lambda key: CLAIMS[key].examine(SIZES["small"]))


def spread(*values):
    return Spread.of(values)


def tied(name, values, best):
    """Figures of a sweep in which the values `best` tie, at both objectives."""
    return {f"{name}tied_{objective}_{value:g}": int(value in best) for objective in OBJECTIVES for value in values}


def changed(scale, level):
    return {f"change_{mode}_{kind}": level for mode in ("on", "frozen") for kind in ("int8", "int4")} | {
        f"large_{way}": scale for way in ("bf16", "int8_restored", "int4_restored", "int8_kernel")
    }


def order(first, second, seeds=3):
    return {"mag_minus_mac": spread(*first), "mal_minus_mag": spread(*second), "seeds": seeds}


SCALES = ("rms", "unit")
LOUD = {f"above_1_{scale}": spread(0.5) for scale in SCALES}
QUIET = {f"above_1_{scale}": spread(0.0) for scale in SCALES}
WILD = {f"writes_{name}": spread(900) for name in NORMALISER_NAMES}
LEARNS, IDLE = ({f"learned_{scale}": spread(share) for scale in SCALES} for share in (0.5, 0.0))
CONSTANTS = tied("lam_", (1e-4,), (1e-4,)) | tied("eta_", (1e-3,), (1e-3,))
OTHERS = tied("lam_", (1e-4,), ()) | tied("eta_", (1e-3,), ())

# Claim -> for each verdict, figures that must lead to it in the place of those measured.
CASES: dict[str, dict[str, dict]] = {
    "surprise": {
        HOLDS: QUIET | WILD | {"writes_fixed": spread(50)},
        PART: LOUD | WILD | {"writes_excess": spread(50)},
        FAILS: LOUD | WILD,
    },
    "beta": {HOLDS: tied("", BETAS, (0.7,)), PART: tied("", BETAS, (0.5, 0.7)), FAILS: tied("", BETAS, (0.9,))},
    "tau": {HOLDS: tied("", TAUS, (0.2, 0.4)), PART: tied("", TAUS, (0.1, 0.2)), FAILS: tied("", TAUS, (0.1,))},
    "forget": {
        HOLDS: {"forget_unwritten": spread(0.1), "recall_own": spread(0.9), "recall_tied": spread(0.9)},
        PART: {"forget_unwritten": spread(0.0), "recall_own": spread(0.9), "recall_tied": spread(0.9)},
        FAILS: {"forget_unwritten": spread(0.0), "recall_own": spread(0.9), "recall_tied": spread(0.5)},
    },
    "constants": {HOLDS: LEARNS | CONSTANTS, PART: LEARNS | OTHERS, FAILS: IDLE | OTHERS},
    "depth": {
        verdict: {
            f"gain_{name}_{objective}": spread(gain)
            for name, gains in (("second", second), ("deeper", deeper))
            for objective, gain in zip(OBJECTIVES, gains, strict=True)
        }
        for verdict, second, deeper in (
            (HOLDS, (0.1, 0.1), (0.005, -0.1)),
            (PART, (0.1, 0.1), (0.005, 0.05)),
            (FAILS, (0.1, -0.1), (0.05, -0.1)),
        )
    },
    "share": {
        HOLDS: {"share_one": 0.003, "snapshot_mb_one": 29.0},
        PART: {"share_one": 0.02, "snapshot_mb_one": 29.0},
        FAILS: {"share_one": 0.02, "snapshot_mb_one": 31.0},
    },
    "order": {
        HOLDS: order((0.1, 0.2, 0.1), (0.1, 0.1, 0.3)),
        PART: order((0.1, 0.2, 0.1), (0.1, 0.1, -0.1)),
        FAILS: order((-0.1, 0.1, -0.1), (-0.1, -0.2, -0.1)),
        UNTESTED: order((0.1,), (0.1,), seeds=1),
    },
    "uses": {
        HOLDS: {
            "recall_mac": 0.9,
            "recall_mag": 0.8,
            "recall_mal": 0.7,
            "step_mac_over_mal": 2,
            "step_mag_over_mal": 2,
        },
        PART: {"recall_mac": 0.9, "recall_mag": 0.8, "recall_mal": 0.7, "step_mac_over_mal": 2, "step_mag_over_mal": 1},
        FAILS: {
            "recall_mac": 0.7,
            "recall_mag": 0.8,
            "recall_mal": 0.7,
            "step_mac_over_mal": 2,
            "step_mag_over_mal": 1,
        },
    },
    **{
        f"{name}_failures": {
            HOLDS: {low: 1.0, high: 1.0},
            PART: {low: 0.0, high: 1.0},
            FAILS: {low: 0.5, high: 0.0},
        }
        for name, low, high in (
            ("tau", "tau_low_seen", "tau_high_seen"),
            ("beta", "beta_small_seen", "beta_large_seen"),
        )
    },
    "lambda_failures": {
        HOLDS: {"bytes_start": 100, "bytes_end": 200, "lam_large_seen": 1.0},
        PART: {"bytes_start": 100, "bytes_end": 200, "lam_large_seen": 0.0},
        FAILS: {"bytes_start": 100, "bytes_end": 100, "lam_large_seen": 0.0},
    },
    "grid": {
        HOLDS: {"saved_by_count": 0.81, "saved_seconds": 0.8, "tied": 1},
        PART: {"saved_by_count": 0.5, "saved_seconds": 0.5, "tied": 1},
        FAILS: {"saved_by_count": 0.79, "saved_seconds": 0.5, "tied": 0},
    },
    "writes": {
        verdict: {
            "writes_0.3": spread(text),
            "windows": 10,
            "windows_normal": windows,
            "writes_random_bytes": incident,
            "writes_flickering": incident,
        }
        for verdict, text, windows, incident in ((HOLDS, 50, 9, 200), (PART, 50, 5, 60), (FAILS, 900, 0, 60))
    },
    "alarms": {
        HOLDS: {"fired_norm": 1.0, "snapshot_mb_760m": 29.0, "rollback_seconds": 29.0},
        PART: {"fired_norm": 0.0, "snapshot_mb_760m": 75.0, "rollback_seconds": 1.0},
        FAILS: {"fired_norm": 0.5, "snapshot_mb_760m": 75.0, "rollback_seconds": 31.0},
    },
    "shadow": {
        HOLDS: {"degraded_1": 0.0, "degraded_6": 1.0, "degraded_20": 1.0},
        PART: {"degraded_1": 0.2, "degraded_6": 1.0, "degraded_20": 1.0},
        FAILS: {"degraded_1": 0.2, "degraded_6": 0.8, "degraded_20": 1.0},
    },
    "linear": {
        HOLDS: {"slope": 1.0, "memory_ratio": 1.0, "share_recalled": 1.0, "tokens": 2_000_000},
        PART: {"slope": 1.0, "memory_ratio": 1.0, "share_recalled": 1.0, "tokens": 32_768},
        FAILS: {"slope": 2.0, "memory_ratio": 9.0, "share_recalled": 0.1, "tokens": 2_000_000},
    },
    "useful": {HOLDS: {"log10_left": -0.1}, PART: {"log10_left": -1.0}, FAILS: {"log10_left": -87.0}},
    "two_lines": {
        HOLDS: {"changed": 2, "filters": 3, "bits_cnn": spread(1.9, 1.95), "bits_of_frequencies": 1.99},
        PART: {"changed": 2, "filters": 3, "bits_cnn": spread(1.9, 2.0), "bits_of_frequencies": 1.99},
        FAILS: {"changed": 5, "filters": 2, "bits_cnn": spread(1.9, 2.0), "bits_of_frequencies": 1.99},
    },
    "quantized": {
        HOLDS: changed(-0.4, -0.4),
        PART: changed(-0.4, 1.0),
        FAILS: changed(-0.1, -0.1) | {"large_bf16": -0.9},  # which is neither 8 bits nor 4
    },
    "reward": {
        HOLDS: {"gain": spread(0.1, 0.2)},
        PART: {"gain": spread(-0.1, 0.2)},
        FAILS: {"gain": spread(-0.1, 0.05)},
    },
    "sessions": {
        HOLDS: {"recall_kept": spread(1.0), "recall_stranger": spread(0.1)},
        PART: {"recall_kept": spread(1.0), "recall_stranger": spread(1.0)},
        FAILS: {"recall_kept": spread(0.2), "recall_stranger": spread(0.2)},
    },
}


@pytest.mark.parametrize("key", CLAIMS)
def test_a_claim_is_measured_and_judged(key):
    finding = examine(key)
    assert finding.verdict in VERDICTS and "\n" not in finding.told and len(finding.told) > 40
    numbers = [
        number for value in finding.figures.values() for number in (value if isinstance(value, Spread) else (value,))
    ]
    assert numbers and all(math.isfinite(number) for number in numbers)
    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict(), allow_nan=False))) == finding
    assert CLAIMS[key].judge(finding.figures) == finding  # the verdict and the sentence come from the figures alone


def test_every_claim_has_a_case_for_every_verdict():
    assert list(CASES) == list(CLAIMS)
    for key, cases in CASES.items():
        assert {HOLDS, PART, FAILS} | ({UNTESTED} if key == "order" else set()) == set(cases)


@pytest.mark.parametrize(("key", "verdict"), [(key, verdict) for key, cases in CASES.items() for verdict in cases])
def test_a_rule_can_say_each_verdict(key, verdict):
    measured = examine(key).figures
    assert CASES[key][verdict].keys() <= measured.keys()
    found = CLAIMS[key].judge(measured | CASES[key][verdict])
    assert found.verdict == verdict, found.told


def test_the_words_of_every_row_are_there():
    assert len(CLAIMS) == 22
    for key, claim in CLAIMS.items():
        assert claim.key == key and claim.claim and claim.papers and claim.rule.endswith(".")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in claim.claim_zh)
        assert claim.command.startswith(f"titans-mini claims --only {key} --size full")
    assert "titans-mini train" in CLAIMS["order"].before and all(name in CLAIMS["order"].before for name in ORDER)


def test_a_spread_is_mean_and_range_and_never_infinite():
    found = Spread.of([1, 2, 6])
    assert found == (3, 1, 6, 3) and f"{found}" == "3 (1 to 6)" and f"{found:.1%}" == "300.0% (100.0% to 600.0%)"
    assert str(Spread.of([0.12345])) == "0.123 (one seed)" and str(Spread.of([2000, 2000])) == "2,000 (every seed)"
    assert Spread.of([math.inf, -math.inf, math.nan])[1:3] == (-LOST, LOST)


def test_a_claim_of_several_parts():
    assert [grade(*parts) for parts in ((1, 1), (1, 0), (0, 0))] == [HOLDS, PART, FAILS]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"verdict": "holds", "figures": {"a": {"mean": 1}}, "told": ""},
        {"verdict": "yes", "figures": {}, "told": ""},
    ],
)
def test_what_is_no_finding_is_refused(content):
    with pytest.raises(ConfigError, match="finding|verdict"):
        Finding.from_dict(content)
