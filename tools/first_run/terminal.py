"""What a person sees: columns, a little colour, and one line that moves while something is under way."""

import os
import shutil
import sys


class Terminal:
    """How a stream is written to. Colours and moving lines are for terminals; what is piped is plain text."""

    def __init__(self, stream):
        self._stream = stream
        self.moves = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._colours = self.moves and not os.environ.get("NO_COLOR")
        self._unicode = (getattr(stream, "encoding", "") or "").lower().replace("-", "") == "utf8"
        self._moved = False

    def strong(self, text):
        return self._painted("1", text)

    def faint(self, text):
        return self._painted("2", text)

    def good(self, text):
        return self._painted("32", text)

    def bad(self, text):
        return self._painted("31", text)

    @property
    def micro(self):
        return "µs" if self._unicode else "us"

    @property
    def yes(self):
        return self.good("✓" if self._unicode else "+")

    @property
    def no(self):
        return self.bad("✗" if self._unicode else "-")

    def bar(self, share, steps=20):
        done = min(steps, max(0, round(share * steps)))
        full, empty = ("━", "─") if self._unicode else ("#", "-")
        return full * done + empty * (steps - done)

    def say(self, text=""):
        self.clear()
        print(text, file=self._stream, flush=True)

    def move(self, text):
        """Replaces the line that moves; nothing where there is none."""
        if self.moves:
            self._stream.write("\r" + text[: shutil.get_terminal_size().columns - 1] + "\033[K")
            self._stream.flush()
            self._moved = True

    def clear(self):
        if self._moved:
            self._stream.write("\r\033[K")
            self._stream.flush()
            self._moved = False

    def _painted(self, how, text):
        return f"\033[{how}m{text}\033[0m" if self._colours else text


OUT = Terminal(sys.stdout)
PROGRESS = Terminal(sys.stderr)  # apart from the results
