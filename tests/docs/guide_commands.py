#!/usr/bin/env python3
"""Runs the commands of docs/guide, as a reader would. Started by tests/integration/docs.sh; one line per command.

Each line of a ```sh block is a command. It must end with status 0, or say `listening on` (a server, which is then asked
to end). Addresses to listen on become free ports, files below /tmp/ those of a folder that goes. Programs of build/release
are those of this build.

What is slow is left out, and said so: `tools/build` altogether; `tools/bench` is asked whether it takes the arguments, and
runs with --quick when PENSTOCK_TEST_SCALE is `full`; `iobench run` gets a second or
two, and writes to a folder that goes.
"""

import contextlib
import http.server
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(os.environ["PENSTOCK_SOURCE"])
BIN = Path(os.environ["PENSTOCK_BIN"])
FULL = os.environ.get("PENSTOCK_TEST_SCALE") == "full"
PATIENCE = 60.0

NOT_HERE = re.compile(r"backend \S+ does not work here")  # a container may forbid what the guide shows
PARSE_BENCH = "import sys; sys.argv[0] = 'tools/bench'; from benchlib.__main__ import parse; parse()"


def commands_of(document):
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", document.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def in_this_build(words, folder, origin):
    """The command as it can run here beside others."""

    def word_here(word):
        if word.startswith("build/release/bin/"):
            return f"{BIN}/{word.removeprefix('build/release/bin/')}"
        if word.startswith("/tmp/"):
            return f"{folder}/{word.removeprefix('/tmp/')}"
        word = re.sub(r"127\.0\.0\.1:8080\b", origin, word)
        return re.sub(r"127\.0\.0\.1:70\d\d\b", "127.0.0.1:0", word)

    return [word_here(word) for word in words]


def run(words, folder=ROOT):
    """Returns what went wrong; nothing if all is well."""
    try:
        child = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        return f"{words[0]}: {error.strerror}"
    timer = threading.Timer(PATIENCE, child.kill)
    timer.start()
    try:
        said = b""
        serves = False
        while select.select([child.stdout], [], [])[0]:
            piece = os.read(child.stdout.fileno(), 65536)
            if not piece:
                break
            said += piece
            if not serves and re.search(rb"^listening on \S+", said, re.MULTILINE):
                serves = True
                child.terminate()
        complaint = child.communicate()[1].decode().strip()
    finally:
        timer.cancel()
    if child.returncode == 0 or (serves and child.returncode == -signal.SIGTERM):
        return ""
    return f"status {child.returncode}: {complaint or said.decode(errors='replace').strip()[-500:]}"


def outcome_of(line, folder, origin):
    words = shlex.split(line, comments=True)
    if words[0] == "tools/build":
        return "left out", "it builds everything"
    if words[0] == "tools/bench" and not FULL:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
        command = [sys.executable, "-c", PARSE_BENCH, *words[1:]]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return ("FAIL", done.stderr.strip()) if done.returncode else ("left out", "it measures; its arguments are understood")
    if words[0] == "tools/bench":
        words += ["--quick"]
    here = in_this_build(words, folder, origin)
    if Path(words[0]).name == "iobench":
        if not FULL and (len(words) == 1 or words[1] in ("claims", "bounds", "recommend")):
            return "left out", "it measures for minutes, or needs what did"
        why = run([*here, "--budget", "2"] if words[1:2] == ["run"] else here, folder)
    else:
        why = run(here)
    if NOT_HERE.search(why):
        return "left out", why
    return ("FAIL", why) if why else ("ok", "")


@contextlib.contextmanager
def one_page():
    """Where `get` finds something."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello\n")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1:%d" % server.server_port
    server.shutdown()
    server.server_close()


def main():
    failed = ran = 0
    with tempfile.TemporaryDirectory() as folder, one_page() as origin:
        for document in sorted((ROOT / "docs/guide").glob("*.md")):
            for line in commands_of(document):
                how, why = outcome_of(line, folder, origin)
                print(f"{how:9} {document.name}: {line}" + (f": {why}" if why else ""), flush=True)
                failed += how == "FAIL"
                ran += how == "ok"
    print(f"commands of the guides: {ran} ran, {failed} failed")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
