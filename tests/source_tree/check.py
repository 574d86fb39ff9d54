#!/usr/bin/env python3
"""The test of the source tree: what the compiler does not see of the architecture.

  check.py               every rule over the repository; headers are compiled with $CXX (g++)
  check.py --text-only   without the rules that compile
  check.py --self-test   every rule over a small tree with planted violations, each of which must be caught
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

import self_test
from forgotten_coroutines import forgotten

REPOSITORY = Path(__file__).resolve().parents[2]

# What each folder of src/ may include, besides itself. `backend` stands for the files of src/backend itself: the
# contract. SHARED_ROOMS are those of its sub-folders that mechanisms share; `mechanism` stands for each of the others,
# which do not see each other, and `registry` for the files that name them all.
SHARED_ROOMS = ["native_aio", "files", "readiness", "signals"]
REGISTRY = ["registry", "registry_test", "backend_name", "backend_name_test"]
MAY_INCLUDE = {
    "base": set(),
    "op": {"base"},
    "http": {"base"},
    "backend": {"base", "op"},
    "native_aio": {"base", "op", "backend"},
    "signals": {"base"},
    "files": {"base", "op", "backend", "native_aio"},
    "readiness": {"base", "op", "backend", "files"},
    "mechanism": {"base", "op", "backend", *SHARED_ROOMS},
    "registry": {"base", "op", "backend", "mechanism", *SHARED_ROOMS},
    "runtime": {"base", "op", "backend", "registry"},
    "coro": {"base", "op", "backend", "registry", "runtime"},
    "net": {"base", "op", "backend", "registry", "runtime", "coro"},
    "fs": {"base", "op", "backend", "registry", "runtime", "coro"},
    # It is the world of one mechanism, seen from above.
    "simulation": {"base", "op", "backend", "registry", "runtime", "mechanism"},
}

# Names that mean a backend wherever they stand, and those that also mean something else (so that only a
# comparison with them is suspect; poll and select may be kinds of operations, too).
DISTINCT_NAMES = "io_uring|linux_aio|epoll|sigio|posix_aio"
AMBIGUOUS_NAMES = "threads|poll|select|null|simulated"

# On which HACKING.md shows what an operation touches.
EXAMPLE_OPERATION = "truncate"

# Where a backend may not be named: the library outside of src/backend, and the programs on top of it. bench/ is
# not listed, because a bare loop is written for its mechanism, and so is each program of MODELS, which shows one
# without the library.
NEUTRAL_FOLDERS = ["include", "src", "examples", "tinygate"]
MODELS = "examples/models/"

KERNEL_HEADER = re.compile(
    r"(^|/)(linux|asm|asm-generic|netinet|liburing)/|(^|/)liburing\.h$|(^|/)sys/(socket|epoll|uio)\.h$"
    r"|(^|/)(fcntl|poll|unistd|signal)\.h$"
)
MECHANISM_HEADER = re.compile(r"^(liburing(/.*)?\.h|sys/epoll\.h|linux/(aio_abi|io_uring)\.h|libaio\.h)$")

LONGEST_FILE = 600
MAY_BE_LONGER: set[str] = set()  # paths from the root; each with the reason beside it

SOURCE_FOLDERS = ["include", "src", "examples", "bench", "tests", "tools", "tinygate", "iobench"]
SOURCE_SUFFIXES = {".cpp", ".hpp", ".py", ".sh", ".cmake"}


class Violation(NamedTuple):
    rule: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.rule}] {self.text}"


# --- Reading the tree ---------------------------------------------------------------------------------------


def cpp_files(root: Path, *folders: str) -> Iterator[tuple[str, str]]:
    """The path from the root and the text of every C++ file of the folders."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            yield path.relative_to(root).as_posix(), path.read_text()


def neutral_files(root: Path) -> Iterator[tuple[str, str]]:
    """Those that may know of no mechanism."""
    return ((file, text) for file, text in cpp_files(root, *NEUTRAL_FOLDERS) if not file.startswith(MODELS))


def without_comments(text: str) -> str:
    """Comments become spaces; lines and string literals stay where they are."""
    token = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
    keep_lines = lambda comment: re.sub(r"[^\n]", " ", comment)
    return token.sub(lambda m: m[0] if m[0][0] in 'R"' else keep_lines(m[0]), text)


def includes(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, `"` or `<`, what is included)."""
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield number, match[1], match[2]


def place(path: str) -> tuple[str, str]:
    """Of a path from src/: its row of MAY_INCLUDE, and the mechanism if it is in a mechanism's folder."""
    parts = path.split("/")
    if parts[0] != "backend":
        return parts[0], ""
    if len(parts) > 2:
        return (parts[1], "") if parts[1] in SHARED_ROOMS else ("mechanism", parts[1])
    return ("registry" if parts[1].split(".")[0] in REGISTRY else "backend"), ""


def owner_of_public_header(root: Path, header: str) -> str:
    """A public header belongs to the folder that implements it: penstock/x.hpp to src/F if src/F/x.cpp exists."""
    stem = Path(header).stem
    owners = [d.name for d in (root / "src").glob("*") if (d / f"{stem}.cpp").exists() and d.name in MAY_INCLUDE]
    return owners[0] if len(owners) == 1 else ""


# --- Rules; each takes the root of a tree and yields violations ----------------------------------------------


def rule_include_direction(root: Path) -> Iterator[Violation]:
    """base <- op <- backend <- runtime <- coro <- net, fs; no backend includes another; http uses only base."""
    for file, text in cpp_files(root, "src"):
        folder, mechanism = place(file.removeprefix("src/"))
        if folder not in MAY_INCLUDE:
            yield Violation("include-direction", file, 1, f"'{folder}' has no place in the order of the folders")
            continue
        for line, _, target in includes(text):
            if target.startswith("penstock/"):
                used, used_mechanism = owner_of_public_header(root, target), ""
            elif (root / "src" / target).exists():
                used, used_mechanism = place(target)
            else:
                continue
            if used == "mechanism" and mechanism and used_mechanism != mechanism:
                yield Violation("backend-apart", file, line, f"a backend includes another one: {target}")
            elif used and used != folder and used not in MAY_INCLUDE[folder]:
                yield Violation("include-direction", file, line, f"'{folder}' may not use '{used}': {target}")


def rule_mechanism_headers(root: Path) -> Iterator[Violation]:
    """The kernel interfaces of the mechanisms are used in src/backend only, and by programs that show one bare."""
    for file, text in neutral_files(root):
        for line, _, target in includes(text):
            if MECHANISM_HEADER.match(target) and not file.startswith("src/backend/"):
                yield Violation("mechanism-header", file, line, f"{target} belongs to a backend")


def rule_backend_names(root: Path) -> Iterator[Violation]:
    """Only the registry names the backends; nobody else decides by a backend's name."""
    literal = re.compile(rf'"({DISTINCT_NAMES})"')
    decision = re.compile(r"\b(if|switch|case)\b|[=!]=")
    in_decision = re.compile(
        rf'\b({DISTINCT_NAMES})\b|::(threads|null|simulated)\b|[=!]=\s*"({AMBIGUOUS_NAMES})"|"({AMBIGUOUS_NAMES})"\s*[=!]='
    )
    for file, text in neutral_files(root):
        if file.endswith("_test.cpp"):
            continue
        folder, mechanism = place(file.removeprefix("src/")) if file.startswith("src/") else ("", "")
        if folder == "registry":
            continue
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            if line.lstrip().startswith("#include"):
                continue
            if mechanism:  # it calls itself by its name, and its kernel interface by that of the kernel
                named = [name for name in literal.findall(line) if name != mechanism]
            else:
                named = literal.findall(line)
                if decision.search(line) and folder not in ["backend", *SHARED_ROOMS]:
                    named += [match[0] for match in in_decision.finditer(line)]
            if named:
                yield Violation("backend-name", file, number, f"{named[0]} is named outside of the registry")


def rule_models_are_bare(root: Path) -> Iterator[Violation]:
    """The programs of MODELS may name mechanisms because they show them without the library."""
    for file, text in cpp_files(root, MODELS):
        for line, _, target in includes(text):
            if target.startswith("penstock/") or (root / "src" / target).exists():
                yield Violation("model-uses-library", file, line, f"{target}: what uses the library is in examples/")


def rule_public_includes(root: Path) -> Iterator[Violation]:
    """A public header includes public headers and the standard library."""
    for file, text in cpp_files(root, "include"):
        for line, bracket, target in includes(text):
            if bracket == '"':
                yield Violation("public-include", file, line, f'"{target}" is not installed; use <penstock/...>')
            elif KERNEL_HEADER.search(target):
                yield Violation("kernel-header", file, line, f"a public header includes {target}")


def rule_public_headers_compile(root: Path) -> Iterator[Violation]:
    """Each public header compiles alone, and no kernel header is reached but through the standard library's."""
    headers = [file for file, _ in cpp_files(root, "include")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for violations in pool.map(lambda header: list(compile_alone(root, header)), headers):
            yield from violations


def compile_alone(root: Path, header: str) -> Iterator[Violation]:
    command = [os.environ.get("CXX", "g++"), "-std=c++23", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-H"]
    command += ["-I", "include", "-x", "c++", "-"]
    text = f"#include <{header.removeprefix('include/')}>\n"
    done = subprocess.run(command, cwd=root, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error:" in line]
        yield Violation("compiles-alone", header, 1, errors[0] if errors else done.stderr[-300:])
        return
    for chain in include_chains(done.stderr):
        if KERNEL_HEADER.search(chain[-1]) and not any(is_standard_library(above) for above in chain[:-1]):
            yield Violation("kernel-header", header, 1, "reaches " + " -> ".join(chain[1:]))


def include_chains(listing: str) -> Iterator[list[str]]:
    """Of what `-H` prints (a line per header, a dot per level): for each header, the chain that led to it."""
    chain: list[str] = []
    for line in listing.splitlines():
        if match := re.match(r"(\.+) (.+)", line):
            chain = chain[: len(match[1]) - 1] + [match[2]]
            yield chain


def is_standard_library(path: str) -> bool:
    return "/c++/" in path


def rule_file_length(root: Path) -> Iterator[Violation]:
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            file = path.relative_to(root).as_posix()
            if path.suffix not in SOURCE_SUFFIXES or not path.is_file() or file in MAY_BE_LONGER:
                continue
            lines = path.read_bytes().count(b"\n")
            if lines > LONGEST_FILE:
                yield Violation("file-length", file, LONGEST_FILE + 1, f"{lines} lines; {LONGEST_FILE} are allowed")


def rule_forgotten_coroutines(root: Path) -> Iterator[Violation]:
    for file, text in cpp_files(root, *SOURCE_FOLDERS):
        for line in forgotten(without_comments(text)):
            what = "GCC 12 drops this coroutine's body: give the awaited condition a name (see forgotten_coroutines.py)"
            yield Violation("forgotten-coroutine", file, line, what)


def rule_one_class_one_name(root: Path) -> Iterator[Violation]:
    """All of src/ is one namespace: of two classes of one name the linker would take the functions of either."""
    defined: dict[str, str] = {}
    for file, text in cpp_files(root, "src", "include"):
        if not file.endswith(".hpp"):
            continue
        space = re.search(r"^namespace ([\w:]+)", text, re.MULTILINE)
        for found in re.finditer(r"^(?:class|struct) (\w+)(?: final)?(?: :[^;{]*)? \{", text, re.MULTILINE):
            name = f"{space[1] if space else ''}::{found[1]}"
            if name in defined:
                line = text.count("\n", 0, found.start()) + 1
                yield Violation("one-name", file, line, f"{found[1]} is the name of a class of {defined[name]}, too")
            defined[name] = file


def rule_an_operation_touches_what_hacking_lists(root: Path) -> Iterator[Violation]:
    """One file per layer, as HACKING.md shows it on this operation."""
    guide = root / "HACKING.md"
    section = guide.read_text().partition("## Add an operation")[2].partition("\n## ")[0] if guide.exists() else ""
    listed = set(re.findall(r"\]\(([\w/.-]+)\)", section))
    for file, text in cpp_files(root, "include", "src"):
        if file in listed or file.endswith("_test.cpp"):
            continue
        if found := re.search(rf"\bop_kind::{EXAMPLE_OPERATION}\b|\b{EXAMPLE_OPERATION}_op\b", text):
            line = text.count("\n", 0, found.start()) + 1
            what = f"{EXAMPLE_OPERATION} needs this file, too, and HACKING.md does not list it"
            yield Violation("one-file-per-layer", file, line, what)


TEXT_RULES = [
    rule_an_operation_touches_what_hacking_lists,
    rule_one_class_one_name,
    rule_include_direction,
    rule_mechanism_headers,
    rule_backend_names,
    rule_models_are_bare,
    rule_public_includes,
    rule_file_length,
    rule_forgotten_coroutines,
]
COMPILING_RULES = [rule_public_headers_compile]


def violations_of(root: Path, rules: list) -> list[Violation]:
    return [violation for rule in rules for violation in rule(root)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text-only", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test.run(violations_of, TEXT_RULES, COMPILING_RULES)

    violations = violations_of(REPOSITORY, TEXT_RULES + ([] if options.text_only else COMPILING_RULES))
    for violation in violations:
        print(violation)
    print(f"source tree: {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
