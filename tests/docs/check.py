#!/usr/bin/env python3
"""The test of the documents. Started by tests/integration/docs.sh; prints one line per finding.

Checked of README, ARCHITECTURE, HACKING and docs/:

  programs    a ```cpp block with a main() is compiled and linked with the library of this build; one of another
              library only if that is installed
  links       relative ones lead to a file, and to a heading if they name one
  files       what stands in `code` and looks like a path, or like the name of a source file
  commands    in ```sh blocks and in `code`: the program exists, its --help knows each --option, and a
              --gtest_filter selects a test
  names       `type::member`, `function()` and PENSTOCK_VARIABLES occur in the sources, `suite.case` is a test
  decisions   are numbered without gaps, short, and linked from ARCHITECTURE
"""

import functools
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

ROOT = Path(os.environ["PENSTOCK_SOURCE"])
BUILD = Path(os.environ["PENSTOCK_BUILD"])

SOURCE_FOLDERS = ["include", "src", "tests", "tools", "bench", "cmake", "examples", "tinygate", "iobench"]
SOURCE_SUFFIXES = {".cpp", ".hpp", ".py", ".sh", ".txt", ".cmake", ".in", ""}
FILE_SUFFIXES = (".cpp", ".hpp", ".py", ".sh", ".md", ".txt", ".cmake", ".json")
# What is named but lives in the standard library, the kernel or Asio.
NOT_OURS = ("std::", "net.core.", "kernel.", "fs.aio", "asio::", "experimental::", "posix::", "io_context::")
BENCHMARKS = ("echo", "idle", "await", "forwarder", "ladder", "files", "proxy", "zero-copy")
HAVE_HELP = [["./test"], ["./run"], *(["tools/bench", what] for what in BENCHMARKS)]
LONGEST_DECISION = 40


def documents() -> list[Path]:
    return [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "HACKING.md")] + sorted((ROOT / "docs").rglob("*.md"))


@functools.cache
def sources() -> str:
    texts = []
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in SOURCE_SUFFIXES and path != Path(__file__):
                texts.append(path.read_text(errors="replace"))
    return "\n".join(texts)


@functools.cache
def words() -> set[str]:
    return set(re.findall(r"\w+", sources()))


@functools.cache
def test_cases() -> dict[str, set[str]]:
    suites: dict[str, set[str]] = {}
    for suite, case in re.findall(r"\bTEST(?:_[FP])?\((\w+),\s*(\w+)\)", sources()):
        suites.setdefault(suite, set()).add(case)
    return suites


@functools.cache
def file_names() -> set[str]:
    return {path.name for folder in [*SOURCE_FOLDERS, "docs"] for path in (ROOT / folder).rglob("*")} | set(os.listdir(ROOT))


# --- Reading a document ----------------------------------------------------------------------------------------


class Document:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        text = path.read_text()
        self.blocks = [(m[2], m[3]) for m in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)]
        self.prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
        self.text = text

    def spans(self) -> list[str]:
        return re.findall(r"`([^`\n]+)`", self.prose)

    def links(self) -> list[str]:
        return [target for target in re.findall(r"\]\(([^)\s]+)\)", self.prose) if "://" not in target]

    def anchors(self) -> set[str]:
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- What is checked; each yields one line per finding ---------------------------------------------------------


def check_programs(document: Document) -> Iterator[str]:
    for number, (language, text) in enumerate(document.blocks, 1):
        if language != "cpp" or not re.search(r"\bmain\(", text):
            continue
        if absent := library_that_is_absent(text):
            print(f"{document.name}: block {number} is left out: {absent} is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "main.cpp"
            source.write_text(text)
            liburing = subprocess.run(["pkg-config", "--libs", "liburing"], capture_output=True, text=True, check=True)
            command = [os.environ.get("CXX", "g++"), "-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
            command += ["-I", ROOT / "include", source, BUILD / "libpenstock.a", *liburing.stdout.split()]
            done = subprocess.run([*command, "-o", Path(folder) / "program"], capture_output=True, text=True)
            if done.returncode != 0:
                yield f"block {number} does not build:\n{done.stderr}"
            else:
                print(f"{document.name}: block {number} builds")


def library_that_is_absent(text: str) -> str:
    """A program of another library, beside which ours is shown, can only be compiled where that is installed."""
    for header in re.findall(r"^#include <(asio\.hpp)>", text, re.MULTILINE):
        command = [os.environ.get("CXX", "g++"), "-E", "-include", header, "-x", "c++", "/dev/null"]
        if subprocess.run(command, capture_output=True).returncode != 0:
            return header
    return ""


def check_links(document: Document) -> Iterator[str]:
    for link in document.links():
        file, _, anchor = link.partition("#")
        target = document.path.parent / file if file else document.path
        if not target.exists():
            yield f"the link {link} leads nowhere"
        elif anchor and anchor not in Document(target).anchors():
            yield f"{file or document.name} has no heading for #{anchor}"


def check_commands(document: Document) -> Iterator[str]:
    lines = [line for language, text in document.blocks if language == "sh" for line in text.splitlines()]
    for line in lines + [span for span in document.spans() if is_path(span.split()[0])]:
        parts = [part for part in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", part)]
        for part in parts:
            if is_path(part) and not is_pattern(part) and not exists(part):
                yield f"`{line.strip()}`: {part} is not in the tree"
        if len(parts) > 1 and is_path(parts[0]) and not is_program(parts[0]):
            yield f"`{line.strip()}`: {parts[0]} is no program"
        for command in HAVE_HELP:
            for option in options_of(parts) if parts[: len(command)] == command else []:
                if option not in re.findall(r"--[\w-]+", help_of(tuple(command))):
                    yield f"`{line.strip()}`: {' '.join(command)} --help knows no {option}"
        filters = [part for part in parts if part.startswith("--gtest_filter=")]
        if filters and not selects_tests(next(filter(is_path, parts)), filters[0]):
            yield f"`{line.strip()}` runs no test"


def check_files(document: Document) -> Iterator[str]:
    for word in {word.rstrip(",.;:") for span in document.spans() for word in span.split()}:
        if is_pattern(word):
            continue
        if is_path(word):
            if not exists(word):
                yield f"`{word}` is not in the tree"
        elif word.endswith(FILE_SUFFIXES) and "/" not in word and word not in file_names():
            yield f"there is no file `{word}`"


def check_names(document: Document) -> Iterator[str]:
    for variable in set(re.findall(r"\bPENSTOCK_[A-Z_]+\b", document.text)):
        if variable not in words():
            yield f"nobody reads {variable}"
    for span in set(document.spans()):
        if span.startswith(NOT_OURS) or span.endswith(FILE_SUFFIXES) or is_pattern(span):
            continue
        if re.fullmatch(r"~?\w+(::~?\w+)*(\.\w+)*\(\)|\w+(::~?\w+)+(\.\w+)*", span):
            missing = [word for word in re.findall(r"\w+", span) if word not in words()]
            if missing:
                yield f"`{span}`: {missing[0]} does not occur in the sources"
        elif re.fullmatch(r"\w+\.\w+", span):
            suite, name = span.split(".")
            if suite in test_cases() and name not in test_cases()[suite] and name not in words():
                yield f"`{span}` is no test"
            elif suite not in test_cases() and not {suite, name} <= words():
                yield f"`{span}` is neither a test nor a field"


def check_decisions() -> Iterator[str]:
    linked = (ROOT / "ARCHITECTURE.md").read_text()
    for number, path in enumerate(sorted((ROOT / "docs/decisions").glob("*.md")), 1):
        lines = path.read_text().splitlines()
        if not path.name.startswith(f"{number:04}-") or not lines[0].startswith(f"# {number:04} "):
            yield f"{path.name}: the number in name or title is not {number:04}"
        if len(lines) > LONGEST_DECISION:
            yield f"{path.name}: {len(lines)} lines; {LONGEST_DECISION} are allowed"
        if f"docs/decisions/{path.name}" not in linked:
            yield f"{path.name}: ARCHITECTURE.md has no link to it"


# --- Helpers of the checks -------------------------------------------------------------------------------------


def is_path(word: str) -> bool:
    folders = [*SOURCE_FOLDERS, "docs", "build", ".ci"]
    return word.startswith("./") or (word.partition("/")[0] in folders and "/" in word)


def is_pattern(word: str) -> bool:
    """`x_test.cpp`, `NAME.hpp`, `<preset>`: stands for something."""
    return bool(re.search(r"NAME|FILE|ADDR|[<>*…]|\bx(_test)?\.[ch]pp", word))


def in_build(word: str) -> Path | None:
    """What is named below build/<preset>/ is looked up in this build, whichever it is."""
    match = re.match(r"build/(release|asan|tsan)/(.+)", word)
    return BUILD / match[2] if match else None


def exists(word: str) -> bool:
    """Programs count when this build can make them; what else is below build/ comes and goes."""
    if built := in_build(word):
        known = ["ninja", "-C", BUILD, "-t", "query", built.relative_to(BUILD)]
        return built.exists() or subprocess.run(known, capture_output=True).returncode == 0
    return word.startswith("build/") or (ROOT / word).exists()


def is_program(word: str) -> bool:
    return exists(word) if in_build(word) else os.access(ROOT / word, os.X_OK)


def options_of(parts: list[str]) -> list[str]:
    return [part.partition("=")[0] for part in parts if part.startswith("--")]


def selects_tests(program: str, gtest_filter: str) -> bool:
    """Whether the filter names a test; one that was not built cannot be asked."""
    path = in_build(program)
    if path is None or not path.exists():
        return True
    listed = subprocess.run([path, gtest_filter, "--gtest_list_tests"], capture_output=True, text=True)
    return listed.returncode == 0 and bool(re.search(r"^  \S", listed.stdout, re.MULTILINE))


@functools.cache
def help_of(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def main() -> int:
    findings = [f"`{' '.join(command)} --help` fails or says nothing" for command in HAVE_HELP if not help_of(tuple(command))]
    findings += check_decisions()
    for path in documents():
        document = Document(path)
        for check in (check_programs, check_links, check_commands, check_files, check_names):
            findings += [f"{document.name}: {finding}" for finding in check(document)]
    for finding in findings:
        print(finding)
    print(f"documents: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
