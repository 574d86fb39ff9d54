"""What is measured, how often and for how long."""

import re
from dataclasses import dataclass

CASES = ["/:64", "/:512", "/f/64k:16", "/f/1m:16", "/f/10m:16"]


@dataclass(frozen=True)
class Case:
    path: str
    connections: int

    @classmethod
    def parse(cls, text):
        found = re.fullmatch(r"(/\S*):([1-9]\d{0,3})", text)
        if not found:
            raise ValueError(f"'{text}' is not PATH:CONNECTIONS, such as /:64")
        return cls(found[1], int(found[2]))

    def __str__(self):
        return f"{self.path}:{self.connections}"

    @property
    def is_spliced(self):
        """Whether the body is large enough for splice(2)."""
        return self.path.startswith("/f/") and self.path != "/f/1k"


@dataclass(frozen=True)
class Plan:
    parts: list
    backends: list  # of TinyGate; some parts take the first only
    cases: list
    rounds: int  # turns of each contender
    seconds: float  # of load per turn
    warm_up: float  # seconds
    traced: tuple  # seconds of the short and of the long pass under strace
    scaling: tuple  # connections
    idle_steps: tuple  # connections

    @classmethod
    def full(cls, **chosen):
        return cls(
            **{
                "rounds": 11,
                "seconds": 1.5,
                "warm_up": 0.5,
                "traced": (0.5, 1.5),
                "scaling": (1, 8, 64, 512, 2_000, 8_000),
                "idle_steps": (1_000, 7_000),
            }
            | chosen
        )

    @classmethod
    def quick(cls, **chosen):
        return cls(
            **{
                "rounds": 2,
                "seconds": 0.15,
                "warm_up": 0.05,
                "traced": (0.1, 0.3),
                "scaling": (1, 32),
                "idle_steps": (100, 300),
            }
            | chosen
        )

    @property
    def fewer_rounds(self):
        """Where nothing is decided by a ratio."""
        return (self.rounds + 1) // 2

    @property
    def most_connections(self):
        wanted = [64]
        if "requests" in self.parts:
            wanted += [case.connections for case in self.cases]
        if "scaling" in self.parts:
            wanted += self.scaling
        if "idle" in self.parts:
            wanted += self.idle_steps
        return max(wanted)
