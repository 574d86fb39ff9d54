"""What the machine was when the figures were taken: without it a figure can't be compared with another."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path


def describe(root):
    return {
        "taken_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(root),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": sorted(os.sched_getaffinity(0)),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "mitigations": {path.name: read(path) for path in sorted(Path("/sys/devices/system/cpu/vulnerabilities").glob("*"))},
        "load_average": os.getloadavg(),
    }


def summary(described):
    """One line for a reader."""
    governor = f", governor {described['governor']}" if described["governor"] else ""
    load = described["load_average"][0]
    return (
        f"commit {described['commit']}, Linux {described['kernel']}, {described['cpu']}, "
        f"{len(described['cores'])} cores{governor}, load {load:.1f}"
    )


def commit(root):
    """The short hash, marked when the tree differs from it."""
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cpu_model():
    found = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo") or "", re.MULTILINE)
    return found.group(1) if found else platform.machine()


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
