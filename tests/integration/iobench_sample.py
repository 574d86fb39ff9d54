#!/usr/bin/env python3
# presets: release
"""The sample report of docs/sample-report is one that this iobench reads: a table, a comparison, a page and the README's
picture come from it, and what it names is still measured."""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, SOURCE, Cases, check, check_equal, run  # noqa: E402

SAMPLE = SOURCE / "docs" / "sample-report" / "iobench-report.json"
CHART = SOURCE / "docs" / "figures" / "echo.svg"
MOST_BYTES = 3_000_000  # of a page that somebody downloads


def iobench(*words):
    done = run([BIN / "iobench", *words])
    check_equal((done.returncode, done.stderr), (0, b""), f"iobench {words[0]}")
    return done.stdout.decode()


def every_command_reads_it():
    said = iobench("recommend", SAMPLE)
    check(said.count("pick  ") >= 4 and "measured" in said, f"it recommends next to nothing: {said}")
    check("tied" in iobench("compare", SAMPLE, SAMPLE), "compared with itself it is not the same")
    for command in ("claims", "bounds"):
        rows = json.loads(iobench(command, SAMPLE, "--json"))["claims"]
        judged = [row["id"] for row in rows if row["figures"]]
        check(len(judged) >= len(rows) / 3, f"{command}: only {judged} can be judged by it")


def what_it_names_is_there():
    listed = iobench("list")
    sample = json.loads(SAMPLE.read_text())
    check(sample["complete"], "it was interrupted")
    for name in {one["workload"] for one in sample["measured"]}:
        check(f"\n  {name} " in listed, f"there is no workload {name} any more")
    for name in {one["contender"] for one in sample["measured"]}:
        check(f" {name} " in listed, f"there is no contender {name} any more")


def page_and_picture_are_made_of_it():
    sample = json.loads(SAMPLE.read_text())
    page = SAMPLE.with_suffix(".html")
    check(page.stat().st_size <= MOST_BYTES, f"the page has {page.stat().st_size} bytes")
    text = page.read_text()
    check(sample["environment"]["taken_at"][:10] in text and sample["environment"]["kernel"] in text, "another run's page")
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "echo.svg"
        iobench("report", SAMPLE, "--chart", "echo", "--svg", drawn)
        check(drawn.read_text() == CHART.read_text(), f"{CHART.name} is not what `iobench report` draws of the sample")


def main():
    cases = Cases()
    for case in (every_command_reads_it, what_it_names_is_there, page_and_picture_are_made_of_it):
        cases.run(case.__name__, case)
    cases.end()


main()
