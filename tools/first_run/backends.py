"""What `tinygate backends` says of this machine, as data, and on the terminal."""

import re
import subprocess
from dataclasses import dataclass

from benchlib import proxies
from benchlib.processes import BenchError
from first_run.terminal import OUT


@dataclass
class Backend:
    name: str
    works: bool
    about: str  # what it is, or why it does not work
    sockets: str = ""
    files: str = ""

    @property
    def serves(self):
        """One backend moves no bytes, another only its own: they are for measuring and for testing."""
        return self.works and self.sockets not in ("", "unsupported", "in-memory")


def survey(program):
    done = subprocess.run([program, "backends"], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{program} backends: {done.stderr.strip() or done.returncode}")
    return read(done.stdout)


def read(text):
    found = []
    for name, works, about in re.findall(r"^  (\w+) +(works|-) +(.*)$", text.split("\n\n")[0], re.MULTILINE):
        found.append(Backend(name, works == "works", about))
    working = [backend for backend in found if backend.works]
    for row, field in (("receive", "sockets"), ("read_at", "files")):
        cells = re.search(rf"^{row} +(.*)$", text, re.MULTILINE)
        for backend, cell in zip(working, cells[1].split() if cells else ()):
            setattr(backend, field, cell.rstrip("*"))
    return found


def choice(bin_folder):
    """Which one `auto` takes and why, as a gate that starts says it: ("epoll", "best of those that work here; …")."""
    with proxies.tinygate(bin_folder, "auto", "127.0.0.1:9") as gate:
        return chosen_by(gate.said)


def chosen_by(line):
    found = re.search(r" on (\w+) \((.*)\)$", line)
    return (found[1], found[2]) if found else ("", line)


def show(found, chosen, why):
    OUT.say()
    OUT.say(OUT.strong("Backends"))
    OUT.say("  " + OUT.faint(f"{'':13}{'sockets':11}files"))
    for backend in found:
        if not backend.works:
            OUT.say(f"  {OUT.no} {backend.name:11}{OUT.bad(backend.about)}")
            continue
        sockets, files = (backend.sockets, backend.files) if backend.serves else ("-", "-")
        OUT.say(f"  {OUT.yes} {backend.name:11}{sockets:11}{files:11}{backend.about}")
    OUT.say()
    OUT.say(f"  auto takes {OUT.strong(chosen)}: {why}")
