"""The stage `simulation`: histories of TinyGate on a simulated machine, and the defects that they must see."""

import re

from console import Console
from tally import Tally

MINUTE = 60
REGRESSIONS = "tests/simulation/regressions.txt"  # seeds that once failed; they are played first
HISTORIES = {"release": 1_000, "asan": 1_000}  # per preset; one thread takes part, so tsan would see nothing
FULL = {"release": 10_000, "asan": 5_000}
SEEDS_PER_MUTANT = 100  # within which each must be seen


def simulation(console: Console, tally: Tally, presets: list[str], full: bool) -> None:
    for preset in presets:
        if preset in HISTORIES:
            histories(console, tally, preset, (FULL if full else HISTORIES)[preset])
    if "release" in presets:
        mutants(console, tally)  # what they leave behind is what a sanitizer complains of


def program_of(preset: str) -> str:
    return f"build/{preset}/bin/simulation_tests"


def histories(console: Console, tally: Tally, preset: str, count: int) -> None:
    name = f"simulation-{preset}"
    console.say(f"simulation {preset}: {count:,} histories")
    program = program_of(preset)
    command = [program, "--regressions", REGRESSIONS, "--seeds", f"1..{count}"]
    finished = console.run(name, command, 20 * MINUTE, progress=r"^\.\.\. .+")
    said = finished.output
    # `FAILED seed 17`, or `crashed in seed 17`; each is followed by the line that plays it again.
    failed = re.findall(r"^(?:FAILED|crashed in) seed (\d+)$(?:\n    (.+)$)?", said, re.MULTILINE)
    ended = re.search(r"^histories: (\d+) played", said, re.MULTILINE)
    tally.passes(int(ended[1]) - len(failed) if ended else 0)
    for seed, why in failed:
        replay = f"{program} --seeds {seed} --trace"
        tally.fails(f"{name}: seed {seed}: {why or 'crashed'}; `{replay}`")
    if finished.code != 0 and not failed:
        tally.fails(f"{name}: {finished.how}")
    if finished.code != 0:
        console.show_tail(finished.log, said)
    for what in re.findall(r"^((?:requests|faults|histories): .+)", said, re.MULTILINE):
        tally.note(f"{name}: {what}")


def mutants(console: Console, tally: Tally) -> None:
    console.say("simulation: mutants")
    command = [program_of("release"), "--mutants", "--seeds", f"1..{SEEDS_PER_MUTANT}"]
    finished = console.run("simulation-mutants", command, 10 * MINUTE, progress=r"^caught .+")
    caught = re.findall(r"^caught (\S+) in seed (\d+)", finished.output, re.MULTILINE)
    missed = re.findall(r"^NOT CAUGHT (\S+),", finished.output, re.MULTILINE)
    tally.passes(len(caught))
    for mutant in missed:
        tally.fails(f"simulation: the mutant {mutant} was not seen in {SEEDS_PER_MUTANT} histories")
    if not missed and (finished.code != 0 or not caught):
        tally.fails(f"simulation-mutants: {finished.how}")
    if finished.code != 0:
        console.show_tail(finished.log, finished.output)
    if caught:
        tally.note("simulation: mutants seen: " + ", ".join(f"{mutant} (seed {seed})" for mutant, seed in caught))
