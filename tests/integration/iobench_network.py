#!/usr/bin/env python3
# presets: release
"""Every network workload of iobench runs through: each contender gives every metric at each point, and they make sense."""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, Cases, check, check_equal, run  # noqa: E402

CONTENDERS = {
    "sizes": "bare/epoll,penstock/epoll",
    "streaming": "bare/epoll,penstock/epoll",
    "batch": "bare/epoll,penstock/epoll",
    "rate": "bare/epoll,penstock/epoll",
    "triggers": "bare/epoll,bare/epoll:oneshot",
    "ring-sockets": "bare/ring,bare/ring+files,bare/ring+buffers,bare/ring+zero-copy",
    "threads": "bare/threads",
    "idle": "bare/epoll",
    "accept": "bare/epoll shared,bare/epoll reuseport",
    "relay": "bare/epoll copy,bare/epoll splice,penstock/epoll transfer",
}
NOT_EVERYWHERE = {"user_bytes", "slab_bytes", "page_bytes"}  # idle connections' memory, by who may read what


def results_of(workload):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        words = [workload, "--quick", "--rounds", "1", "--seconds", "0.05", "--contender", CONTENDERS[workload], "--json", file]
        done = run([BIN / "iobench", "run", *words])
        check_equal(done.returncode, 0, f"exit status ({done.stderr.decode().strip()})")
        return json.loads(file.read_text())


def samples_of(results):
    return [(one["contender"], one["samples"][0]) for one in results["measured"]]


def gives_every_metric(workload):
    results = results_of(workload)
    about = next(one for one in results["workloads"] if one["name"] == workload)
    wanted = {metric["name"] for metric in about["metrics"]} - NOT_EVERYWHERE
    samples = samples_of(results)
    named = CONTENDERS[workload].split(",")
    check_equal(sorted({who if isinstance(who, str) else who["name"] for who, _ in samples}), sorted(named), "contenders")
    for who, sample in samples:
        check(wanted <= set(sample), f"{who} lacks {sorted(wanted - set(sample))}")
        for name in wanted & {"cpu_us", "cpu_s_gib", "rate", "p50_us", "calls", "gib_s"}:
            check(sample[name] > 0, f"{who}: {name} is {sample[name]}")
        for less, more in (("p50_us", "p90_us"), ("p90_us", "p99_us"), ("p99_us", "p999_us"), ("p999_us", "p9999_us")):
            if less in sample and more in sample:
                check(sample[less] <= sample[more], f"{who}: {less} {sample[less]}, {more} {sample[more]}")
        if "balance" in sample:
            check(1 <= sample["balance"] <= 4, f"{who}: balance {sample['balance']}")


def main():
    cases = Cases()
    for workload in CONTENDERS:
        cases.run(workload, gives_every_metric, workload)
    cases.end()


main()
