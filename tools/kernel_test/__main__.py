"""The tests on Debian's own kernel, in an emulated machine. Started by tools/kernel-test."""

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import image
import kernel
import suites
from kernel import KernelError
from machine import Machine, command

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools/gate"))
from tally import Tally, add, first_reason, read_gtest  # noqa: E402

FOLDER = ROOT / "build/kernel-test"
TARGETS = ["unit_tests", "conformance_tests", "ladder_reads", *(f"integration_{name}" for name in suites.PROGRAMS)]
PROGRESS_EVERY = 15.0  # seconds
SKIPPED, KILLED = 77, 137
MISUSE = 2

ABOUT = """Runs unit tests, conformance and some integration tests on the kernel of Debian's package linux-image-amd64, in
a machine that QEMU emulates, with a drive (NVMe) that has queues for polling. That kernel is taken out of its package
and not installed, and KVM is not needed. It ends with the count of cases; the status is 0 if none failed."""


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [suite for suite in suites.every() if options.only is None or suite.name in options.only]
    watcher = Watcher(chosen)
    try:
        if not options.bin and (status := subprocess.run([ROOT / "tools/build", "release", *TARGETS]).returncode):
            return status
        programs = options.bin or ROOT / "build/release/bin"
        require(programs, chosen)
        there = kernel.newest(FOLDER)
        watcher.say(f"the machine: {there.release}, {len(chosen)} suites")
        started_with = command(
            there, image.initramfs(there, FOLDER), image.drive(chosen, programs, ROOT, FOLDER), options.accelerator
        )
        machine = Machine(watcher, FOLDER / "console.log")
        why = machine.run(started_with, options.minutes * 60)
        if why:
            watcher.cut_short(*machine.cut_short, why)
    except KernelError as error:
        print(f"kernel-test: {error}", file=sys.stderr)
        return MISUSE
    except KeyboardInterrupt:
        return 130
    print(watcher.tally.report(), flush=True)
    return 1 if watcher.tally.failed else 0


def parse():
    names = [suite.name for suite in suites.every()]
    parser = argparse.ArgumentParser(prog="tools/kernel-test", description=ABOUT)
    parser.add_argument("--only", metavar="SUITE", action="append", choices=names, help="one of " + ", ".join(names))
    parser.add_argument("--minutes", type=int, default=60, metavar="N", help="the time limit (default 60)")
    parser.add_argument("--bin", type=Path, metavar="DIR", help="where the programs are; nothing is built then")
    parser.add_argument("--accelerator", default="tcg", choices=["tcg", "kvm"], help="kvm is fast where it works")
    return parser.parse_args()


def require(programs, chosen):
    for suite in chosen:
        if not (programs / suite.program).exists():
            raise KernelError(f"{programs / suite.program} is missing: run `tools/build release` first")


class Watcher:
    """Shows what the machine does, and counts."""

    def __init__(self, chosen):
        self.tally = Tally()
        self._suites = {suite.name: suite for suite in chosen}
        self._left = dict(self._suites)
        self._start = self._began = self._shown = time.monotonic()
        self._last = ""

    def say(self, text):
        elapsed = int(time.monotonic() - self._start)
        print(f"[{elapsed // 60:2}:{elapsed % 60:02}] {text}", flush=True)

    def on_begin(self, name):
        self._began = time.monotonic()
        self._last = ""

    def on_line(self, line):
        if line.startswith("[ RUN"):
            self._last = line.removeprefix("[ RUN      ] ")
        self.on_silence()

    def on_silence(self):
        now = time.monotonic()
        if self._last and now - max(self._shown, self._began) > PROGRESS_EVERY:
            self._shown = now
            self.say(f"  {self._last}")

    def on_remark(self, text):
        self.say(text)
        if text.startswith("broken "):
            self.tally.fails(f"the machine: {text.removeprefix('broken ')}")
        elif text.startswith("drive polled: ") and text != "drive polled: 1":
            self.tally.fails("the machine: its drive has no queue for polling")
        else:
            self.tally.note(text)

    def on_end(self, name, status, output):
        suite = self._left.pop(name)
        before = (self.tally.passed, self.tally.failed, self.tally.skipped)
        ended = outcomes(suite, status, output)
        failed = add(self.tally, f"kernel {name}:", ended)
        if failed:
            self._show(name, output)
        passed, failed, skipped = (now - then for now, then in zip(self._counts(), before))
        seconds = int(time.monotonic() - self._began)
        self.say(f"{name}: {passed} passed, {failed} failed, {skipped} skipped ({seconds // 60}:{seconds % 60:02})")

    def cut_short(self, name, output, why):
        """The machine has ended before it had done all."""
        if name:
            self.on_end(name, KILLED, output)
        self.tally.fails(f"kernel: {why}")
        for left in self._left:
            self.tally.leave_out(f"kernel {left}: {why}")

    def _counts(self):
        return self.tally.passed, self.tally.failed, self.tally.skipped

    def _show(self, name, output):
        log = FOLDER / f"{name.replace(':', '-')}.log"
        log.write_text(output)
        self.say(f"{name}: {first_reason(output) or 'its output'}; all of it: {log.relative_to(ROOT)}")


def outcomes(suite, status, output):
    """How each case ended, as in read_gtest."""
    if not suite.cases:
        lines = output.strip().splitlines() or ["no reason given"]
        return {suite.name: {0: "OK", SKIPPED: lines[-1]}.get(status, "FAILED")}
    ended, running = read_gtest(output)
    if running:
        ended[running] = "FAILED"
    if status != 0 and "FAILED" not in ended.values():
        ended[f"status {status} outside of any case"] = "FAILED"
    return ended or {"no case ran": "FAILED"}


if __name__ == "__main__":
    sys.exit(main())
