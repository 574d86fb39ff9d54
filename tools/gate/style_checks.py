"""clang-format over every C++ file, clang-tidy over src/ and tinygate/. Both fail on the first finding; nothing is rewritten."""

import concurrent.futures
import hashlib
import os
import re
import subprocess
from pathlib import Path

from console import PROGRESS_EVERY, ROOT, Console, Finished

FORMATTED = ["include", "src", "examples", "bench", "tests", "cmake", "tinygate", "iobench"]
TIDIED = ["src", "tinygate"]
MOST_FILES = 8  # of the gate, those that were changed last; two seconds each
STAMPS = ROOT / "build" / "tidy"
CONFIGURED = STAMPS / "configured"


def clang_format(console: Console) -> Finished:
    files = [str(path) for folder in FORMATTED for path in sorted((ROOT / folder).rglob("*.[ch]pp"))]
    return console.run("clang-format", ["clang-format-19", "--dry-run", "-Werror", *files], 120)


def clang_tidy(console: Console, full: bool) -> Finished:
    """The flags are those of the preset `asan`: they are clang's, so clang-tidy knows them all. It is configured once
    more with a command for each source, since its own commands compile several at a time."""
    if not (CONFIGURED / "compile_commands.json").exists():
        command = ["cmake", "--preset", "asan", "-B", CONFIGURED, "-DCMAKE_UNITY_BUILD=OFF"]
        configured = console.run("configure-tidy", command, 120)
        if configured.code != 0:
            return configured
    STAMPS.mkdir(parents=True, exist_ok=True)
    write_commands()
    found = sorted(path for folder in TIDIED for path in (ROOT / folder).rglob("*.cpp"))
    sources = found if full else recently_touched([path for path in found if not path.stem.endswith("_test")])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = []
        shown = console.elapsed()
        for result in pool.map(lambda source: tidy_one(console, source), sources):
            results.append(result)
            if console.elapsed() - shown > PROGRESS_EVERY:
                shown = console.elapsed()
                console.say(f"  clang-tidy: {len(results)}/{len(sources)}")
    failed = [result for result in results if result and result.code != 0]
    console.say(f"  clang-tidy: {len(sources)} files, {results.count(None)} of them unchanged since they passed")
    if not failed:
        return Finished(0, "", STAMPS, False)
    return Finished(1, "".join(result.output for result in failed), failed[0].log, False)


def write_commands() -> None:
    """The compile commands without precompiled headers, which are not there before the build."""
    commands = (CONFIGURED / "compile_commands.json").read_text()
    (STAMPS / "compile_commands.json").write_text(re.sub(r"-Xclang -include-pch -Xclang \S+ ", "", commands))


def recently_touched(sources: list[Path]) -> list[Path]:
    """Those whose file, or whose header, was changed last; as many of all of them where there is no history."""
    command = ["git", "log", "--name-only", "--format=", "--", *TIDIED, "include"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    age = {Path(line).stem: n for n, line in reversed(list(enumerate(log.stdout.splitlines()))) if line}
    return sorted(sources, key=lambda path: age.get(path.stem, len(age) * 1000))[:MOST_FILES]


def tidy_one(console: Console, source: Path) -> Finished | None:
    """A file that passed is not looked at again until it, a header it reaches or the checks change."""
    name = source.relative_to(ROOT).as_posix().replace("/", ".")
    stamp, digest = STAMPS / name, digest_of(source)
    if stamp.exists() and stamp.read_text() == digest:
        return None
    command = ["clang-tidy-19", "--quiet", "-p", STAMPS, source]
    finished = console.run(f"tidy-{name}", command, 300)
    if finished.code == 0:
        stamp.write_text(digest)
        finished.log.unlink()
    return finished


def digest_of(source: Path) -> str:
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for path in sorted(reached_from(source)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def reached_from(source: Path) -> set[Path]:
    """The file and the headers of this repository that it includes, directly or not."""
    reached, left = set(), [source]
    while left:
        path = left.pop()
        if path in reached or not path.exists():
            continue
        reached.add(path)
        for target in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', path.read_text(), re.MULTILINE):
            left += [ROOT / folder / target for folder in ("src", "include", "tests", "tinygate")]
    return reached
