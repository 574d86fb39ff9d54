#!/usr/bin/env python3
# presets: release
"""iobench with files: contenders of every kind do the job or say why not, what they read was right, nothing is left."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, Cases, check, check_equal  # noqa: E402

PATIENCE = 120  # seconds, on a machine that does other things
CONTENDERS = [
    "penstock/epoll+linux_aio", "penstock/threads", "bare/io_uring-raw-registered", "bare/libaio", "fio/io_uring-registered",
]


def measure(*workloads, contenders):
    """What a run gave: the samples by workload and contender, and who was left out."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, tempfile.NamedTemporaryFile() as report:
        done = subprocess.run(
            [BIN / "iobench", "run", *workloads, "--quick", "--rounds", "1", "--seconds", "0.05",
             "--contender", ",".join(contenders), "--json", report.name],
            text=True, capture_output=True, timeout=PATIENCE, env={**os.environ, "TMPDIR": directory}, check=False)
        check_equal(done.returncode, 0, f"status; it said {done.stdout}{done.stderr}")
        check_equal(os.listdir(directory), [], "files that were left")
        told = json.loads(Path(report.name).read_text())
    samples = {(one["workload"], one["contender"]): one["samples"][0] for one in told["measured"]}
    return samples, {one["what"]: one["why"] for one in told["left_out"]}


def races_are_run():
    races = ["files-random-hot", "files-random-direct"]
    samples, left_out = measure(*races, contenders=CONTENDERS)
    for race in races:
        for contender in CONTENDERS:
            sample = samples.get((race, contender))
            why = next((why for what, why in left_out.items() if race in what and contender in what), "")
            print(f"      {race}, {contender}: {why or round(sample['iops'])}")
            check(sample or why, f"{race}: {contender} is neither measured nor left out")
            check("wrong bytes" not in why and "a part only" not in why, f"{race}, {contender}: {why}")
            if sample:
                check(sample["iops"] > 0 and sample["p50_us"] > 0, f"{race}, {contender}: {sample}")


def experiments_are_run():
    wanted = {  # a contender, and what it must have found out
        ("ring-files", "bare/ring"): "calls",
        ("ring-files", "bare/ring+files+buffers"): "iops",
        ("fsync", "penstock/io_uring"): "iops",
        ("fsync", "bare/linux_aio"): "iops",
        ("fsync", "bare/io_uring"): "iops",
        ("submit-blocks", "bare/linux_aio"): "submit_share",
        ("submit-blocks", "bare/io_uring"): "submit_share",
        ("buffers", "bare/linux_aio-preadv"): "cpu_ns",
        ("prewarm", "bare/read"): "stall_us",
        ("prewarm", "penstock/io_uring"): "stall_us",
        ("mixed", "penstock/io_uring"): "p99_us",
    }
    workloads, contenders = (sorted(set(names)) for names in zip(*wanted))
    samples, left_out = measure(*workloads, contenders=contenders)
    for (workload, contender), metric in wanted.items():
        sample = samples.get((workload, contender))
        why = next((why for what, why in left_out.items() if workload in what and contender in what), "")
        print(f"      {workload}, {contender}: {why or sample}")
        check(sample or why, f"{workload}: {contender} is neither measured nor left out")
        check("wrong bytes" not in why and "is not there" not in why, f"{workload}, {contender}: {why}")
        check(not sample or sample[metric] > 0, f"{workload}, {contender}: {sample}")
    share = samples.get(("submit-blocks", "bare/io_uring"), {}).get("submit_share", 0)
    check(share <= 100, f"{share} % of the time was in submitting")


def main():
    cases = Cases()
    cases.run("files are read by all kinds of contenders", races_are_run)
    cases.run("the experiments find something out", experiments_are_run)
    cases.end()


main()
