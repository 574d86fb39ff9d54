import argparse
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchlib import wrk
from benchlib.environment import cpu_model
from benchlib.processes import CORES, BenchError, end_all
from first_run import backends, build, compare, page, serve
from first_run.terminal import OUT, PROGRESS

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build/release/bin"
MISUSE = 2
INTERRUPTED = 130

ABOUT = """Builds TinyGate, shows which I/O backends work on this machine and why the others do not, sends the same load
through TinyGate on each of them (with nginx and HAProxy beside it if they are installed), prints a table, and then
keeps TinyGate serving two small origins on 127.0.0.1:8080 (the next free port if that is taken), whose page shows
the table, too. Ctrl-C ends it at any point."""

NEXT = [
    ("tools/bench proxy", "all there is to compare, with confidence intervals; half an hour"),
    ("build/release/bin/tinygate backends", "what each backend can do here, operation by operation"),
    ("build/release/bin/tinygate --help", "put it in front of a server of yours"),
    ("PENSTOCK_BACKEND=epoll ./run", "serve by another backend"),
    ("./test --only conformance", "one suite over every backend"),
]


def main():
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    serving = False
    try:
        if not options.bin and (status := build.build(ROOT)):
            return status
        bin_folder = options.bin or BUILT
        build.check([bin_folder / name for name in build.TARGETS])
        with tempfile.TemporaryDirectory(prefix="penstock-run.") as folder:
            folder = Path(folder)
            folder.chmod(0o755)  # nginx's worker may be another user
            status, file = first_look(bin_folder, folder, options.seconds)
            if options.once:
                return status
            serving = True
            serve.serve(bin_folder, *file)
        return 1
    except BenchError as error:
        PROGRESS.say(f"run: {error}")
        return MISUSE
    except KeyboardInterrupt:
        PROGRESS.say("ended" if serving else "interrupted")
        return 0 if serving else INTERRUPTED
    finally:
        end_all()


def interrupt(*_):
    """Once is enough: what follows is bounded in time and must not be interrupted itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def first_look(bin_folder, folder, seconds):
    """Everything up to the table. Returns an exit status, and what is to be served."""
    version = subprocess.run([bin_folder / "tinygate", "--version"], capture_output=True, text=True).stdout.split()
    title = f"penstock {version[-1] if version else ''}".strip()
    machine = f"Linux {platform.release()}, {len(CORES)} core{'s' if len(CORES) > 1 else ''}, {cpu_model()}"
    OUT.say(f"{OUT.strong(title)} on {machine}")
    found = backends.survey(bin_folder / "tinygate")
    chosen, why = backends.choice(bin_folder)
    backends.show(found, chosen, why)
    if not wrk.installed():
        raise BenchError("wrk, which makes the load, is not installed (on Debian: sudo apt-get install wrk)")
    compare.announce(seconds)
    rows = compare.compare(bin_folder, folder, [one.name for one in found if one.serves], seconds)
    compare.show(rows)
    show_next()
    load = f"GET /hello, 65 bytes, {compare.CONNECTIONS} connections, {seconds:g} s each, in turns; {compare.placement()}."
    file = folder / "page.html"
    file.write_text(page.render(title, machine, load, chosen, why, rows, found, NEXT))
    return int(any(row.failure for row in rows)), (file, f"{chosen} ({why})")


def show_next():
    OUT.say()
    OUT.say(OUT.strong("Next"))
    width = max(len(command) for command, _ in NEXT) + 2
    for command, what in NEXT:
        OUT.say(f"  {command:{width}}{OUT.faint(what)}")
    OUT.say()


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(MISUSE, f"run: {message}; --help lists the options\n")


def parse():
    parser = Parser(prog="./run", description=ABOUT)
    parser.add_argument("--once", action="store_true", help="exit after the table")
    parser.add_argument("--seconds", type=seconds, default=3.0, metavar="S", help="of load for each proxy (default 3)")
    parser.add_argument("--bin", type=Path, metavar="DIR", help="take the programs from here and build nothing")
    return parser.parse_args()


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0.2 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0.2 to 3600")
    return value


if __name__ == "__main__":
    sys.exit(main())
