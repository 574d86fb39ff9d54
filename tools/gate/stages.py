"""The stages of the gate. Each counts its cases, shows the log of a failure, and lets the next stage run."""

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matrix
import style_checks
from console import LOGS, ROOT, Console
from tally import Tally, add, first_reason, read_ctest, read_faults, read_gtest, said_by_failed

MINUTE = 60
ROWS_AT_ONCE = 3  # of the matrix, on two cores: half of a row's time is spent waiting
CRASHES_TO_SURVIVE = 3  # per row of the matrix: the cases behind a crash still run


def style(console: Console, tally: Tally, full: bool) -> None:
    console.say("style: clang-format, source tree, clang-tidy")
    source_tree = [sys.executable, "tests/source_tree/check.py", "--text-only"]
    checks = [
        ("clang-format", lambda: style_checks.clang_format(console)),
        ("source-tree", lambda: console.run("source-tree", source_tree, 2 * MINUTE)),
        ("clang-tidy", lambda: style_checks.clang_tidy(console, full)),
    ]
    if not full:
        most = style_checks.MOST_FILES
        tally.leave_out(f"clang-tidy but for the {most} sources that were changed last; ./test --full has all, and tests")
    for name, check in checks:
        finished = check()
        if finished.code == 0:
            tally.passes()
        else:
            tally.fails(f"style {name}")
            console.show_tail(finished.log, finished.output)


def build(console: Console, tally: Tally, preset: str, targets: list[str]) -> bool:
    console.say(f"build {preset}")
    command = ["tools/build", preset, *targets]
    finished = console.run(f"build-{preset}", command, 30 * MINUTE, progress=r"^\[\d+/\d+ \S+\]")
    if finished.code != 0:
        tally.fails(f"build {preset}: {finished.how}; its tests did not run")
        console.show_tail(finished.log, finished.output)
    return finished.code == 0


def ctest(console: Console, tally: Tally, label: str, presets: list[str]) -> None:
    for preset in presets:
        console.say(f"{label} {preset}")
        name = f"{label}-{preset}"
        junit = LOGS / f"{name}.xml"
        junit.unlink(missing_ok=True)
        command = ["ctest", "--test-dir", f"build/{preset}", "-L", f"^{label}$", "--output-on-failure"]
        # Integration tests measure processes and count connections: one at a time.
        command += ["--output-junit", junit, "-j", str(os.cpu_count()) if label == "unit" else "1"]
        finished = console.run(name, command, 20 * MINUTE, progress=r"^ *\d+/\d+ Test +#\d+: \S+")
        ended = read_ctest(junit) if junit.exists() else {}
        failed = add(tally, name, ended)
        if finished.code != 0 and not failed:
            tally.fails(f"{name}: ctest, {finished.how}")
        for case, said in (said_by_failed(junit) if failed else {}).items():
            tally.note(f"{case}: {first_reason(said) or 'see its output'}")
            console.show_tail(finished.log, said, f"{case}: ")
        if finished.code != 0 and not failed:
            console.show_tail(finished.log, finished.output)
        if not ended:
            tally.leave_out(f"{name}: there are no such tests in this tree")


def conformance(console: Console, tally: Tally, presets: list[str], full: bool) -> None:
    every, chosen = matrix.chosen_rows(True), matrix.chosen_rows(full)
    if len(chosen) < len(every):
        tally.leave_out(f"{len(every) - len(chosen)} of {len(every)} rows backend x preset x fault: pairs suffice")
        tally.leave_out("of the rows with a fault: " + ", ".join(matrix.WITHOUT_FAULTS))
        tally.leave_out("rows with tsan but of " + ", ".join(matrix.THREADED))
    for reason, count in Counter(matrix.EXCLUDED.values()).items():
        tally.leave_out(f"{count} rows: {reason}")
    limit = 60 * MINUTE if full else 10 * MINUTE
    with ThreadPoolExecutor(ROWS_AT_ONCE) as pool:
        rows = [row for row in chosen if row[1] in presets]
        struck = sum(pool.map(lambda row: conformance_row(console, tally, row, limit, full), rows), Counter())
    if struck:
        told = ", ".join(f"{fault} {times:,}" for fault, times in sorted(struck.items()))
        tally.note(f"conformance: how often faults struck: {told}")


def conformance_row(console: Console, tally: Tally, row: matrix.Row, limit: float, full: bool) -> Counter:
    """Returns how often the row's fault struck."""
    backend, preset, fault = row
    where = "conformance-" + "-".join(row)
    console.say(f"conformance {backend} {preset} {fault}")
    environment = {"PENSTOCK_TEST_BACKENDS": backend, "PENSTOCK_TEST_FAULT": fault}
    program = ROOT / "build" / preset / "bin" / "conformance_tests"
    outputs = gtest(console, tally, where, program, lambda seen: matrix.filter_of(row, full, seen), limit, environment)
    return sum(map(read_faults, outputs), Counter())


def gtest(
    console: Console,
    tally: Tally,
    where: str,
    program: Path,
    filter_without: Callable[[list[str]], str],
    limit: float,
    environment: dict,
) -> list[str]:
    """Counts the cases of a GoogleTest program, which goes on behind a crash with a filter that leaves out what it has
    seen. Returns what it printed each time."""
    if not program.exists():
        tally.leave_out(f"{where}: there is no such test program in this tree")
        return []
    seen: list[str] = []
    outputs: list[str] = []
    for attempt in range(1 + CRASHES_TO_SURVIVE):
        name = where + (f"-{attempt}" if attempt else "")
        command = [program, f"--gtest_filter={filter_without(seen)}"]
        finished = console.run(name, command, limit, progress=r"^\[ RUN +\] \S+", env=environment)
        ended, running = read_gtest(finished.output)
        outputs.append(finished.output)
        if running:
            ended[running] = "FAILED"
        if not add(tally, where, ended) and finished.code != 0:
            tally.fails(f"{where}: {finished.how} outside of any case")
        if finished.code != 0:
            console.say(f"  {where}: {finished.how}" + (f" in {running}" if running else ""))
            console.show_tail(finished.log, finished.output)
        if not ended and not seen and finished.code == 0:
            tally.fails(f"{where}: no case ran")
        # Only a crash hides what comes after it; a failed case does not, and a hang took all the time there is.
        if not running or finished.expired:
            break
        seen += ended
    return outputs


def unit_in_shards(console: Console, tally: Tally, preset: str) -> None:
    """As many processes as processors share the cases. One for each case, which ctest starts, takes longer to begin
    with a sanitizer than most cases take."""
    console.say(f"unit {preset}")
    program = ROOT / "build" / preset / "bin" / "unit_tests"
    shards = os.cpu_count() or 1

    def all_but(seen: list[str]) -> str:
        return "*" + ("-" + ":".join(seen) if seen else "")

    def shard(number: int) -> None:
        environment = {"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(number)}
        gtest(console, tally, f"unit-{preset}-{number + 1}", program, all_but, 10 * MINUTE, environment)

    with ThreadPoolExecutor(shards) as pool:
        list(pool.map(shard, range(shards)))


def left_out(console: Console, tally: Tally, label: str, why: str) -> None:
    console.say(f"{label}: left out, {why}")
    tally.leave_out(f"{label}: {why}")
    tally.skipped += 1


FUZZ_PRESET = "asan"  # where the fuzzers are built: they belong to clang and are of little use without a sanitizer
# What the gate builds of presets whose unit tests it leaves to ./test --full: asan has them and sees more. What threads
# do to each other is seen in conformance.
WITHOUT_UNIT = {
    "release": ["conformance", "integration", "simulation", "iobench_tests"],
    "tsan": ["conformance"],
}
ONLY_IN = {"fuzz": [FUZZ_PRESET], "simulation": ["release", "asan"]}  # labels that have no use for every preset


def fuzz(console: Console, tally: Tally, presets: list[str], full: bool) -> None:
    if FUZZ_PRESET not in presets:
        left_out(console, tally, "fuzz", f"the preset {FUZZ_PRESET} was not built")
        return
    programs = sorted((ROOT / "build" / FUZZ_PRESET / "bin").glob("fuzz_*"))
    if not programs:
        tally.leave_out("fuzz: there are no such programs in this tree")
    for program in programs:
        fuzz_program(console, tally, program, 10 * MINUTE if full else 20)


def fuzz_program(console: Console, tally: Tally, program: Path, seconds: int) -> None:
    """Seeds are in the tree; what reached something new is kept in build/ and goes on from there the next time."""
    name = program.name.removeprefix("fuzz_")
    console.say(f"fuzz {name}: {seconds} s")
    seeds, words = ROOT / "tests" / "fuzz" / "corpus" / name, ROOT / "tests" / "fuzz" / f"{name}.dict"
    learned, findings = ROOT / "build" / "fuzz" / name, LOGS / f"fuzz-{name}"
    for folder in (learned, findings):
        folder.mkdir(parents=True, exist_ok=True)
    command = [program, f"-max_total_time={seconds}", "-timeout=10", f"-artifact_prefix={findings}/"]
    command += [f"-dict={words}"] if words.exists() else []
    command += [learned] + ([seeds] if seeds.exists() else [])
    finished = console.run(f"fuzz-{name}", command, seconds + 5 * MINUTE, progress=r"^#\d+\s.*cov: \d+")
    done = re.search(r"^Done (\d+) runs", finished.output, re.MULTILINE)
    if finished.code == 0 and done:
        tally.passes()
        tally.note(f"fuzz {name}: {int(done[1]):,} inputs in {seconds} s, no finding")
        return
    written = re.search(r"Test unit written to (\S+)", finished.output)
    tally.fails(f"fuzz {name}: {finished.how}" + (f"; `{program.relative_to(ROOT)} {written[1]}`" if written else ""))
    console.show_tail(finished.log, finished.output)


BENCH_LINE = re.compile(r"^\S+ [-+\d.e]+ \S+ ([-+\d.e]+|-) \S.*$")  # name value unit ratio interval


def bench_smoke(console: Console, tally: Tally) -> None:
    """The measuring programs run and print what they promise. What they measured is not judged here."""
    if not shutil.which(str(ROOT / "tools" / "bench")):
        left_out(console, tally, "bench-smoke", "tools/bench is not in this tree")
        return
    few = ["--backends", "io_uring,epoll"]  # the others differ by a word of the command line
    benchmarks = {"await": [], "echo": few, "forwarder": [], "ladder": [], "files": [], "proxy": few, "zero-copy": []}
    for benchmark, options in benchmarks.items():
        console.say(f"bench-smoke {benchmark}")
        name = f"bench-smoke-{benchmark}"
        command = ["tools/bench", benchmark, "--quick", *options]
        finished = console.run(name, command, 5 * MINUTE, progress=".+", stderr_apart=True)
        lines = [line for line in finished.output.splitlines() if line.strip() and not line.startswith("#")]
        odd = [line for line in lines if not BENCH_LINE.match(line)]
        if finished.code == 0 and lines and not odd:
            tally.passes()
            continue
        why = finished.how
        if finished.code == 0:
            why = f"not `name value unit ratio interval`: {odd[0] if odd else 'nothing'}"
        tally.fails(f"{name}: {why}")
        console.show_tail(finished.log, finished.output)
