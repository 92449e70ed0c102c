"""The genome is the published one, and the Markov baseline counts as it should."""

import hashlib
import math
import os
from collections import Counter

import pytest
import torch

from titans_course.studies.next_base import markov_bits
from titans_mini import ConfigError
from titans_mini.data.dna import REPEATS, genome, read_fasta, repeats, to_bases
from titans_mini.training.tasks import dna_bases, make_batch


def test_the_genome_is_phage_lambda():
    bases = genome()
    assert len(bases) == 48_502  # its published length
    assert bases.startswith("GGGCGGCGACCT")  # the left end's cohesive twelve bases
    assert Counter(bases) == {"A": 12_334, "C": 11_362, "G": 12_820, "T": 11_986}


def test_the_repeats_are_stretches_of_6p21_that_do_not_overlap():
    digest = "df374ae0a7c5498923ab8a9b4d4b2903ce79b3cf2f4b35fc5c7f46397cf0a6b8"
    assert hashlib.sha256(REPEATS.read_bytes()).hexdigest() == digest
    places, stretches = list(repeats()), list(repeats().values())
    assert len(stretches) == 64 and {len(bases) for bases in stretches} == {512}
    assert all(after - before >= 512 for before, after in zip(places, places[1:], strict=False))
    assert Counter("".join(stretches)) == {"G": 8_804, "T": 8_295, "C": 8_004, "A": 7_665}
    assert repeats()[955_084].count("TGTGCTGG") == 15  # a minisatellite
    assert repeats()[2_217_055].count("CTTCTTCTT") > 10  # a run of triplets


def test_in_the_repeats_eleven_bases_foretell_the_next_and_in_the_phage_they_do_not():
    stretches = [*repeats().values()]
    assert min(map(foretold, stretches)) >= 50
    assert max(foretold(genome()[first : first + 512]) for first in range(0, 48_000, 512)) < 30


def foretold(bases: str) -> int:
    """How many bases are those that came after the same eleven at their last visit, less those that are not."""
    after, total = {}, 0
    for place in range(11, len(bases)):
        past = bases[place - 11 : place]
        if past in after:
            total += 1 if after[past] == bases[place] else -1
        after[past] = bases[place]
    return total


def test_a_uniform_stream_costs_two_bits_and_a_regular_one_none():
    random = torch.randint(0, 4, (40_000,), generator=torch.Generator().manual_seed(0))
    assert markov_bits(random[:20_000], random[20_000:], 2) == pytest.approx(2, abs=0.01)
    regular = to_bases("ACGT" * 500)
    assert markov_bits(regular, regular, 0) == pytest.approx(2)
    assert markov_bits(regular, regular, 1) < 0.02


def test_a_small_case_by_hand():
    train, test = to_bases("AACA"), to_bases("AAC")
    # After A: A once, C once; each of the four begins at 1, so P(A|A) = P(C|A) = 2 / 6.
    assert markov_bits(train, test, 1) == pytest.approx(-math.log2(2 / 6))


def test_order_helps_on_real_dna_until_counts_run_out():
    bits = [markov_bits(dna_bases(), dna_bases(held_out=True), order) for order in (0, 3, 10)]
    assert bits[1] < bits[0] < bits[2]


def test_the_dna_task_never_trains_on_what_is_held_out():
    ids, ask = make_batch("dna", 4, 50, torch.Generator().manual_seed(0), True)
    held_out = "".join(map(str, dna_bases(held_out=True).tolist()))
    assert all("".join(map(str, row)) in held_out + held_out[:50] for row in ids.tolist())
    assert ask[:, 1:].all() and not ask[:, 0].any()


@pytest.mark.parametrize("content", ["ACGT", ">x\n", ">x\nACGN", ""])
def test_what_is_not_a_genome_ends_in_one_line(tmp_path, content):
    path = tmp_path / "bad.fasta"
    path.write_text(content)
    with pytest.raises(ConfigError, match="bad.fasta"):
        read_fasta(path)
    with pytest.raises(ConfigError, match="missing"):
        read_fasta(tmp_path / "missing.fasta")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="Not a regular file"):
        read_fasta(tmp_path / "pipe")
