"""Finds coroutines that GCC 12 compiles to nothing: g++ 12.2 drops the whole body, without a warning, of a coroutine
that awaits a temporary in the condition of an `if`, `while` or `switch` and declares no variable anywhere in its body.

Naming the result (`const bool sent = co_await ...;`) is the way out. Judged from the text, so only coroutines whose
return type is written as task<...> directly before their body, lambdas included, are seen."""

import re
from typing import Iterator

CODE_ONLY = re.compile(r'"(?:\\.|[^"\\\n])*"')
RETURNS_TASK = re.compile(r"\btask<[^;{}]*>\s*(?:[\w:]+\s*\([^;{}]*\)\s*)?$")
KEYWORD = re.compile(r"\b(?:if|while|switch)\s*\(")
DECLARATION = re.compile(
    r"(?:^|[;{(])\s*(?:constexpr\s|static\s|const\s)*"
    r"(?:auto|(?!co_return\b|return\b|co_await\b|delete\b|throw\b|else\b|using\b|goto\b)[A-Za-z_][\w:]*(?:<[^;=]*>)?)"
    r"(?:\s*const)?(?:\s+|\s*[&*]+\s*)\[?[A-Za-z_]\w*[\w, ]*\]?\s*(?:=[^=]|\{|\(|;|:[^:])"
)


def blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where each pair of braces stands."""
    opened = []
    for at, character in enumerate(text):
        if character == "{":
            opened.append(at)
        elif character == "}" and opened:
            yield opened.pop(), at


def condition(text: str, begin: int) -> str:
    """What stands between the parenthesis that ends before `begin` and its partner."""
    depth = 1
    for at in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return text[begin:at]
    return ""


def awaits_in_a_condition(body: str) -> bool:
    found = (condition(body, match.end()) for match in KEYWORD.finditer(body))
    return any("co_await" in text and ";" not in text for text in found)


def forgotten(text: str) -> Iterator[int]:
    """The lines where such coroutines begin. `text` is without comments."""
    text = CODE_ONLY.sub(lambda match: '"' + " " * (len(match[0]) - 2) + '"', text)
    for begin, end in blocks(text):
        body = text[begin + 1 : end]
        if "co_await" not in body or not RETURNS_TASK.search(text[max(0, begin - 300) : begin]):
            continue
        if awaits_in_a_condition(body) and not DECLARATION.search(body):
            yield text.count("\n", 0, begin) + 1
