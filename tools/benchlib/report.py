"""Figures as lines (`name value unit ratio interval`) on the terminal, and with every raw sample as JSON."""

import json
from dataclasses import asdict, dataclass, field

from benchlib import environment
from benchlib.processes import BenchError
from benchlib.stats import Ratio


SAME_MACHINE = ("kernel", "cpu", "cores")  # or figures are not of one kind


@dataclass
class Figure:
    name: str
    value: float
    unit: str
    ratio: Ratio | None = None
    samples: dict = field(default_factory=dict)
    interval: tuple | None = None  # of the value itself, with 95 % confidence

    def line(self):
        beside = f"- [{self.interval[0]:.4g},{self.interval[1]:.4g}]" if self.interval else "- -"
        if self.ratio:
            beside = f"{self.ratio.value:.2f} [{self.ratio.low:.2f},{self.ratio.high:.2f}]"
            beside += " tied" if self.ratio.tied else ""
        return f"{self.name} {self.value:.4g} {self.unit} {beside}"


def restored(saved):
    """A figure from what asdict() made of it."""
    figure = Figure(**saved)
    figure.ratio = Ratio(**saved["ratio"]) if saved["ratio"] else None
    figure.interval = tuple(saved["interval"]) if saved["interval"] else None
    return figure


class Report:
    def __init__(self, root, about):
        self._environment = environment.describe(root)
        self._figures = []
        self._remarks = []
        self._more = {}
        self._runs = []
        print(f"# {about}")
        print(f"# {environment.summary(self._environment)}")
        print("# name value unit ratio interval", flush=True)

    def add(self, figure):
        self._figures = [other for other in self._figures if other.name != figure.name] + [figure]
        print(figure.line(), flush=True)

    def take_in(self, path):
        """What an earlier run on this machine has saved, as if it were of this one. What is measured again replaces it."""
        try:
            earlier = json.loads(path.read_text())
            alike = all(earlier["environment"][key] == self._environment[key] for key in SAME_MACHINE)
            figures = [restored(figure) for figure in earlier["figures"]]
        except OSError as error:
            raise BenchError(f"{path}: {error.strerror}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise BenchError(f"{path} is not what --json writes: {error!r}") from None
        if not alike:
            raise BenchError(f"{path} was measured on another machine or kernel")
        self._figures = figures
        self._runs = earlier.get("runs", [earlier["environment"]]) + [self._environment]

    def remark(self, text):
        self._remarks.append(text)
        print(f"# {text}", flush=True)

    @property
    def figures(self):
        return list(self._figures)

    def attach(self, key, content):
        """Something else that belongs into the JSON."""
        self._more[key] = content

    def save(self, path):
        content = {
            "environment": self._environment,
            **({"runs": self._runs} if self._runs else {}),
            "figures": [asdict(figure) for figure in self._figures],
            "remarks": self._remarks,
            **self._more,
        }
        try:
            path.write_text(json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise BenchError(f"{path}: {error.strerror}") from None
