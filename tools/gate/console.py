"""What the gate shows while it works, and how it runs a command: output to a log, progress to the terminal."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "test-logs"
PROGRESS_EVERY = 10.0  # seconds
TAIL_LINES = 40


class Console:
    def __init__(self) -> None:
        self.start_ = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self.start_

    def clock(self) -> str:
        return f"{int(self.elapsed()) // 60}:{int(self.elapsed()) % 60:02}"

    def say(self, text: str) -> None:
        print(f"[{self.clock():>5}] {text}", flush=True)

    def show_tail(self, log: Path, text: str, whose: str = "") -> None:
        """The end of a log that explains a failure, or of the part of it that is `whose`."""
        lines = text.rstrip().splitlines()
        self.say(f"--- {whose}{log.relative_to(ROOT)}, last {min(len(lines), TAIL_LINES)} of {len(lines)} lines")
        print("\n".join("    " + line for line in lines[-TAIL_LINES:]), flush=True)

    def run(
        self,
        name: str,
        command: list,
        limit: float,
        progress: str = "",
        env: dict | None = None,
        stderr_apart: bool = False,
    ) -> "Finished":
        """Runs a command of the tree, its output in a log called `name`. Lines that match the pattern `progress`
        are shown, but not all: one now and then says that it is alive."""
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{name}.log"
        shown = re.compile(progress) if progress else None
        last_shown = time.monotonic()
        output: list[str] = []
        # A session of its own, so that a time limit ends the children of the command, too.
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log.with_suffix(".stderr.log").open("w") if stderr_apart else subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, expire)
        timer.start()
        with log.open("w") as file:
            for line in process.stdout:
                file.write(line)
                file.flush()
                output.append(line)
                if shown and time.monotonic() - last_shown > PROGRESS_EVERY and (match := shown.search(line)):
                    last_shown = time.monotonic()
                    self.say(f"  {name}: {match[0].strip()}")
        code = process.wait()
        timer.cancel()
        return Finished(code, "".join(output), log, expired.is_set())


class Finished:
    """A command that has run."""

    def __init__(self, code: int, output: str, log: Path, expired: bool) -> None:
        self.code, self.output, self.log, self.expired = code, output, log, expired

    @property
    def how(self) -> str:
        if self.expired:
            return "stopped at its time limit"
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"
