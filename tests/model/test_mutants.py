"""A slice of what ``make soak`` runs: every mutant is answered, quickly and in bounded memory."""

from __future__ import annotations

from tests import mutants

COUNT = 300


def test_every_mutant_is_answered_with_a_vector_or_a_refusal():
    tally = mutants.run(COUNT)
    assert tally.failures == []
    assert tally.counts["vector"] + tally.counts["refusal"] == COUNT
    # A generator that only makes rubbish, or no damage at all, would test nothing.
    assert min(tally.counts["vector"], tally.counts["refusal"]) > COUNT // 10
    assert tally.peak_mb < 1200


def test_the_mutants_depend_on_the_seed_alone():
    pool = mutants.originals()
    assert len(pool) == 8
    first = [mutants.mutant(number, pool) for number in range(40)]
    assert first == [mutants.mutant(number, pool) for number in range(40)]
    assert first != [mutants.mutant(number, pool, seed=1) for number in range(40)]
    assert {form for form, _ in first} == set(pool)


def test_crashes_and_hangs_are_counted_and_the_rest_goes_on(monkeypatch):
    """The harness itself: a child that dies or stops at some mutants."""
    script = (
        "import json, os, sys, time\n"
        "start, stop, *_ = sys.argv[-1].split(':')\n"
        "print('ready', flush=True)\n"
        "for i in range(int(start), int(stop)):\n"
        "    if i == 2: os.abort()\n"
        "    if i == 4: time.sleep(60)\n"
        "    print(json.dumps({'kind': 'escape' if i == 5 else 'vector', 'what': 'w',"
        " 'form': 'PNG', 'seconds': i, 'peak_mb': i}), flush=True)\n"
    )
    real = mutants.subprocess.Popen

    def popen(command, **options):
        return real([command[0], "-c", script, *command[3:]], **options)

    monkeypatch.setattr(mutants.subprocess, "Popen", popen)
    monkeypatch.setattr(mutants, "PATIENCE_S", 2.0)
    tally = mutants.run(8)
    assert tally.counts == {"vector": 5, "crash": 1, "hang": 1, "escape": 1}
    assert [failure.split(":")[0] for failure in tally.failures] == [
        "mutant 2",
        "mutant 4",
        "mutant 5",
        "mutant 6",  # by its own account slower than the limit
        "mutant 7",
    ]
    assert (tally.slowest_s, tally.peak_mb) == (7, 7)
