#!/usr/bin/env python3
# presets: release
"""`iobench claims`: each claim has something behind it that exists, and the text says what the JSON says."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import Cases, check, check_equal  # noqa: E402

SOURCE = Path(__file__).resolve().parents[2]
IOBENCH = Path(os.environ["PENSTOCK_BIN"]) / "iobench"
VERDICTS = {"holds", "does not", "depends", "not measured", "can't be measured here"}


def iobench(*words):
    done = subprocess.run([IOBENCH, *words], capture_output=True, text=True, timeout=60, check=False)
    check_equal(done.returncode, 0, f"iobench {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def listed():
    """The contenders of each workload, as `iobench list` has them: a mark, a name, and the workloads, perhaps on several
    lines."""
    found = {}
    contender = None
    for line in iobench("list").splitlines():
        if begun := re.match(r"  [✓✗] (\S+(?: \S+)*)  +(.*)", line):
            contender, names = begun.groups()
        elif contender and line.startswith(" " * 20):
            names = line
        else:
            contender = None
            continue
        for name in re.findall(r"[\w-]+", names):
            found.setdefault(name, set()).add(contender)
    check(found, "iobench list has no contenders")
    return found


def behind_each_claim_is_something(rows):
    existing = listed()
    for row in rows:
        words = shlex.split(row["command"])
        check(words, f"{row['id']}: no command")
        if words[0] == "iobench":
            check_equal(words[1], "run", row["id"])
            split = words.index("--contender")
            workloads, contenders = words[2:split], words[split + 1].split(",")
            for name in workloads:
                check(name in existing, f"{row['id']}: there is no workload {name}")
            for name in contenders:
                check(any(name in existing[w] for w in workloads), f"{row['id']}: there is no contender {name}")
        if row["settled"]["by"]:
            test = SOURCE / row["settled"]["by"]
            check(test.exists(), f"{row['id']}: there is no {test}")
            check(row["settled"]["case"] in test.read_text(), f"{row['id']}: no such case in {test}")
        check(row["verdict"] in VERDICTS, row["verdict"])
        check(row["source"] and row["says"], row["id"])


def text_and_json_agree(rows, text):
    heads = [line for line in text.splitlines()[:-1] if line and not line.startswith(" ")]
    check_equal(heads, [f"{row['id']}: {row['verdict']}" for row in rows], "rows")
    check(max(map(len, text.splitlines())) <= 100, "a line is wider than 100 columns")
    words = " ".join(text.split())
    for row in rows:
        check(row["says"] in words, row["says"])
        for figure in row["figures"]:
            check(figure["label"] in words, figure["label"])


def what_was_measured_is_judged(rows):
    by_id = {row["id"]: row for row in rows}
    cost = by_id["syscall-cost"]
    check_equal(len(cost["figures"]), 2, "figures of syscall-cost")
    for figure in cost["figures"]:
        check(figure["low"] <= figure["value"] <= figure["high"], figure)
    check(cost["verdict"] in {"holds", "does not", "depends"}, cost["verdict"])
    other = by_id["sigio-loses"]
    check_equal(other["verdict"], "not measured", "of what is not in the file")
    check("iobench run overflow" in other["why"], other["why"])


def main():
    cases = Cases()
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder) / "measured.json"
        iobench("run", "primitives", "--quick", "--rounds", "2", "--seconds", "0.02", "--json", measured)
        rows = json.loads(iobench("claims", measured, "--json"))["claims"]
        cases.run("behind_each_claim_is_something", behind_each_claim_is_something, rows)
        cases.run("text_and_json_agree", text_and_json_agree, rows, iobench("claims", measured))
        cases.run("what_was_measured_is_judged", what_was_measured_is_judged, rows)
        own = json.loads(iobench("bounds", measured, "--json"))["claims"]
        cases.run("behind_each_bound_is_something", behind_each_claim_is_something, own)
        done = subprocess.run([IOBENCH, "claims", folder + "/absent"], capture_output=True, text=True, check=False)
        cases.run("absent", check_equal, done.returncode, 2, "the status for a file that is not there")
    cases.end()


main()
