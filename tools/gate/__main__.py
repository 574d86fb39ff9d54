"""The gate: style, then builds, then tests per label and preset. Started by ./test.

Never stops at the first failure: what does not depend on it still runs. The last line is the verdict.
"""

import argparse
import os
import sys

import kernel_stage
import matrix
import simulation_stage
import stages
from console import Console
from tally import Tally

LABELS = ["style", "unit", "conformance", "integration", "fuzz", "simulation", "bench-smoke", "kernel"]
BUDGET_MINUTES = 20  # of the gate on two cores, from a clean clone


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./test",
        description="Builds and tests penstock. Without options: the gate, every kind of check at a scale of at "
        "most 20 minutes. Logs are left in build/test-logs/.",
    )
    parser.add_argument(
        "--full", action="store_true", help="every backend x preset x fault, at full scale, instead of pairs"
    )
    parser.add_argument("--only", metavar="LABEL", choices=LABELS, help="one of " + ", ".join(LABELS))
    parser.add_argument(
        "--preset",
        action="append",
        choices=matrix.PRESETS,
        help="only this preset (may be repeated); a help while developing, not the gate",
    )
    return parser.parse_args()


def main() -> int:
    options = parse_options()
    os.environ["PENSTOCK_TEST_SCALE"] = "full" if options.full else "gate"
    labels = [options.only] if options.only else LABELS
    presets = [preset for preset in matrix.PRESETS if preset in (options.preset or matrix.PRESETS)]

    console, tally = Console(), Tally()
    if "style" in labels:
        stages.style(console, tally, options.full)

    tested = [label for label in labels if label in ("unit", "conformance", "integration", "fuzz", "simulation")]
    built = []
    if tested or "bench-smoke" in labels:
        wanted = presets if tested else ["release"]  # a sanitizer distorts what is measured
        if len(tested) == 1 and tested[0] in stages.ONLY_IN:
            wanted = [preset for preset in presets if preset in stages.ONLY_IN[tested[0]]]
        targets = [] if len(labels) > 1 or not tested else tested
        spared = not options.full and not options.only
        for preset in wanted:
            only = stages.WITHOUT_UNIT.get(preset, targets) if spared else targets
            if stages.build(console, tally, preset, only):
                built.append(preset)

    if "unit" in labels:
        stages.ctest(console, tally, "unit", [preset for preset in built if not spared or preset == "release"])
        if spared:
            if "asan" in built:
                stages.unit_in_shards(console, tally, "asan")
            tally.leave_out("unit tests but with asan (of iobench: release); ./test --only unit has them")
    if "conformance" in labels:
        stages.conformance(console, tally, built, options.full)
    if "integration" in labels:
        stages.ctest(console, tally, "integration", [preset for preset in built if not spared or preset != "tsan"])
        if spared:
            tally.leave_out("integration with tsan; ./test --only integration has it")
        if not options.full:
            tally.leave_out("integration: half of the backends under a sanitizer")
    if "fuzz" in labels:
        stages.fuzz(console, tally, built, options.full)
    if "simulation" in labels:
        simulation_stage.simulation(console, tally, built, options.full)
    if "bench-smoke" in labels and "release" in built:
        stages.bench_smoke(console, tally)
    if "kernel" in labels and (options.full or options.only):
        kernel_stage.kernel(console, tally)
    elif "kernel" in labels:
        tally.leave_out("kernel: the suites on Debian's own kernel; ./test --only kernel, or --full, has them")

    console.say("done")
    if not options.full:
        tally.leave_out("the full scale of sizes and counts; ./test --full runs it")
    if not options.only and not options.preset and not options.full and console.elapsed() > BUDGET_MINUTES * 60:
        tally.note(f"this took {console.clock()}; the gate's budget is {BUDGET_MINUTES} minutes on two cores")
    print(tally.report(), flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
