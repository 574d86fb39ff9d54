"""A headless Chromium that is told what to do over a pipe (the DevTools protocol; nothing is listened on)."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from programs import Failure, Skip

PATIENCE = 30.0  # seconds for one answer
FIRST_FREE = 10  # descriptors that can't be 3 and 4
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars",
    "--disable-extensions", "--disable-component-update", "--disable-background-networking", "--disable-sync",
    "--disable-dev-shm-usage", "--force-color-profile=srgb", "--password-store=basic",
]


def find_chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise Skip("there is no Chromium here (package chromium)")


class Browser:
    """One page in a browser with an own, empty profile."""

    def __init__(self):
        path = find_chromium()
        self.profile = tempfile.mkdtemp(prefix="browser.")
        to_child, ours = os.pipe()
        theirs, from_child = os.pipe()
        low = [to_child, from_child]
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, FIRST_FREE) for fd in low]

        def place():  # it reads commands from 3 and answers on 4
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        try:
            self.child = subprocess.Popen(
                [path, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=place, pass_fds=(3, 4),
                start_new_session=True, env={**os.environ, "HOME": self.profile},
            )
        finally:
            for fd in low + high:
                os.close(fd)
        self.write_to, self.read_from = ours, theirs
        self.pending, self.events, self.last, self.session = b"", [], 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.write_to)
        os.close(self.read_from)
        try:
            self.child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)  # it and its helpers: a session of their own
            self.child.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_to, json.dumps(message).encode() + b"\0")
        answer = self.wait_for(lambda one: one.get("id") == self.last, method)
        if "error" in answer:
            raise Failure(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait_for(self, wanted, what):
        """The next message that is wanted. Events that come before it are kept."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\0" in self.pending:
                line, self.pending = self.pending.split(b"\0", 1)
                message = json.loads(line)
                if "method" in message:
                    self.events.append(message)
                if wanted(message):
                    return message
            if not select.select([self.read_from], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"{what}: the browser did not answer within {PATIENCE:.0f} s")
            piece = os.read(self.read_from, 1 << 20)
            if not piece:
                raise Failure(f"{what}: the browser ended with status {self.child.wait()}")
            self.pending += piece

    def open(self, url, width, height, dark=False, script=True):
        """As on a screen of that size. Events before it are forgotten."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Page.navigate", url=url)
        self.wait_for(lambda one: one.get("method") == "Page.loadEventFired", url)

    def value(self, expression):
        """Of an expression in JavaScript, whose result must be JSON."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failure(f"{expression}: {result['exceptionDetails']['text']}")
        return result["result"].get("value")

    def complaints(self):
        """Errors and warnings since the page was opened."""
        found = []
        for event in self.events:
            what, said = event["method"], event["params"]
            if what == "Runtime.exceptionThrown":
                found.append(said["exceptionDetails"].get("exception", {}).get("description", "an exception"))
            elif what == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
                found.append(said["entry"]["text"])
            elif what == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
                found.append(f"console.{said['type']}: {said['args']}")
        return found

    def requests(self):
        """The addresses that were asked for since the page was opened."""
        return [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path, width, height):
        """Of the first `height` pixels of the page, however high the screen is."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))
