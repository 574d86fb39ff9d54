"""How far a long run is, on the terminal's last line."""

import sys
import time


class Progress:
    def __init__(self, seconds):
        """`seconds`: how long all of it takes, as far as that can be told."""
        self._expected = seconds
        self._began = time.monotonic()
        self._shown = sys.stderr.isatty()

    def show(self, text):
        if self._shown:
            elapsed = clock(time.monotonic() - self._began)
            sys.stderr.write(f"\r[{elapsed} of about {clock(self._expected)}] {text}\033[K")
            sys.stderr.flush()

    def clear(self):
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def words(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
