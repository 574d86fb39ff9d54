"""Shows that each rule of check.py can fail: a sound tree has no violation, each planted file exactly its own."""

import tempfile
from pathlib import Path
from typing import Callable

SOUND = {
    "HACKING.md": "## Add an operation\n| [src/op/file.cpp](src/op/file.cpp) |\n## Conventions\n",
    "src/op/file.cpp": "int truncate_op;\n",
    "include/penstock/result.hpp": "#pragma once\n#include <cerrno>\n#include <thread>\nint a();\n",
    "include/penstock/loop.hpp": "#pragma once\n#include <penstock/result.hpp>\nint b();\n",
    "src/base/result.cpp": '#include <penstock/result.hpp>\n#include "base/fd.hpp"\n',
    "src/base/fd.hpp": "#include <unistd.h>\n// if (name == epoll) is not code\n",
    "src/op/socket.cpp": '#include "base/fd.hpp"\n',
    "src/backend/backend.hpp": '#include "base/fd.hpp"\n',
    "src/backend/registry.hpp": "#pragma once\n",
    "src/backend/registry.cpp": '#include "backend/epoll/epoll.hpp"\nconst char* n = "epoll";\n',
    "src/backend/epoll/epoll.hpp": "#pragma once\n",
    "src/backend/epoll/epoll.cpp": '#include <sys/epoll.h>\n#include "backend/epoll/epoll.hpp"\n'
    '#include "backend/backend.hpp"\nconst char* name() { return "epoll"; }\n',
    "src/runtime/loop.cpp": '#include <penstock/loop.hpp>\n#include "backend/registry.hpp"\n'
    'int threads;\nvoid f() { if (threads == 1) threads = 2; }\n',
    "src/net/stream.hpp": "#pragma once\n",
    "src/fs/file.cpp": '#include <penstock/loop.hpp>\n'
    "task<> f() { const bool sent = co_await g(); if (!sent) co_return; h(); }\n"
    "task<> k(bool b) { if (const auto x = co_await g(); !x) co_return; if (b) co_await h(); }\n"
    "task<> m() { if (!co_await g()) co_return; std::array<int, 2> pair{}; h(pair); }\n",
    "examples/models/forwarder.cpp": '#include <liburing.h>\nconst char* n = "io_uring";\n',
    "examples/echo.cpp": 'const char* help = "echo ADDR [--backend io_uring|epoll]";\n',
}

# (rule, file, text): added to the sound tree, one at a time.
PLANTED = [
    ("include-direction", "src/base/bad.cpp", '#include "op/socket.hpp"\n'),
    ("include-direction", "src/base/bad.cpp", "#include <penstock/loop.hpp>\n"),
    ("include-direction", "src/op/bad.cpp", '#include "backend/backend.hpp"\n'),
    ("include-direction", "src/http/bad.cpp", '#include "op/socket.hpp"\n'),
    ("include-direction", "src/fs/bad.cpp", '#include "net/stream.hpp"\n'),
    ("include-direction", "src/backend/bad.cpp", '#include "backend/epoll/epoll.hpp"\n'),
    ("include-direction", "src/runtime/bad.cpp", '#include "backend/epoll/epoll.hpp"\n'),
    ("include-direction", "src/backend/epoll/bad.cpp", '#include "backend/registry.hpp"\n'),
    ("include-direction", "src/helpers/bad.cpp", "\n"),
    ("backend-apart", "src/backend/threads/bad.cpp", '#include "backend/epoll/epoll.hpp"\n'),
    ("mechanism-header", "src/runtime/bad.cpp", "#include <liburing.h>\n"),
    ("backend-name", "src/runtime/bad.cpp", 'auto x = "io_uring";\n'),
    ("backend-name", "src/net/bad.cpp", "void f(int k) { if (k == kind::threads) {} }\n"),
    ("backend-name", "src/coro/bad.cpp", 'bool f(name n) { return n == "threads"; }\n'),
    ("backend-name", "src/op/bad.cpp", "switch (k) { case linux_aio: break; }\n"),
    ("backend-name", "include/penstock/bad.hpp", "#pragma once\n#if 1 == 2 && defined epoll\n#endif\n"),
    ("backend-name", "src/backend/bad.cpp", 'auto x = "linux_aio";\n'),
    ("backend-name", "src/backend/epoll/bad.cpp", 'auto x = "io_uring";\n'),
    ("backend-name", "examples/bad.cpp", 'auto x = "epoll";\n'),
    ("mechanism-header", "examples/bad.cpp", "#include <linux/aio_abi.h>\n"),
    ("backend-name", "examples/models_bad.cpp", 'auto x = "epoll";\n'),
    ("model-uses-library", "examples/models/bad.cpp", "#include <penstock/loop.hpp>\n"),
    ("model-uses-library", "examples/models/bad.cpp", '#include "base/fd.hpp"\n'),
    ("public-include", "include/penstock/bad.hpp", '#pragma once\n#include "loop.hpp"\n'),
    ("kernel-header", "include/penstock/bad.hpp", "#pragma once\n#include <thread>\n#include <unistd.h>\n"),
    ("kernel-header", "include/penstock/bad.hpp", "#pragma once\n#include <arpa/inet.h>\n"),  # reaches netinet/
    ("compiles-alone", "include/penstock/bad.hpp", "#pragma once\nstd::string text();\n"),
    ("forgotten-coroutine", "src/net/bad.cpp", "task<> f() {\n    if (!co_await g()) co_return;\n    h();\n}\n"),
    ("forgotten-coroutine", "src/net/bad.cpp", "task<int> c::f(int n) { while (n > co_await g(n)) h(n); co_return n; }\n"),
    ("forgotten-coroutine", "src/net/bad.cpp", "auto f = [](int n) -> task<> { if (co_await g(n)) h(n); };\n"),
    ("one-file-per-layer", "src/backend/epoll/bad.cpp", "switch (k) { case op_kind::truncate: break; }\n"),
    ("file-length", "src/base/bad.cpp", "\n" * 601),
    ("one-name", "src/net/bad.hpp", "namespace a {\nclass c : d {\n};\nclass c final {\n};\n}\n"),
]


def write(root: Path, file: str, text: str) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(violations_of: Callable[[Path, list], list], text_rules: list, compiling_rules: list) -> int:
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for file, text in SOUND.items():
            write(root, file, text)
        # What the planted files include exists, since an include that leads nowhere is not judged.
        write(root, "src/op/socket.hpp", "#pragma once\n")
        accused = violations_of(root, text_rules + compiling_rules)
        failures += [f"a sound tree is accused: {violation}" for violation in accused]
        for rule, file, text in PLANTED:
            write(root, file, text)
            rules = text_rules + (compiling_rules if file.startswith("include/") else [])
            caught = {violation.rule for violation in violations_of(root, rules) if violation.file == file}
            if caught != {rule}:
                failures.append(f"[{rule}] planted in {file}: {text[:60]!r} gave {sorted(caught) or 'nothing'}")
            (root / file).unlink()
            if file.startswith("src/helpers/"):
                (root / file).parent.rmdir()
    for failure in failures:
        print(failure)
    print(f"self-test: {len(PLANTED)} planted violations, {len(failures)} failures")
    return 1 if failures else 0
