import tempfile
import unittest
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

from benchlib.processes import BenchError
from benchlib.report import Figure, Report
from benchlib.stats import Ratio

FIRST = Figure("a.cpu", 10.0, "us/request", Ratio(0.9, 0.8, 1.0), {"a": [{"cpu_ns": 1}]})
SECOND = Figure("b.rss", 400.0, "bytes", interval=(390.0, 410.0))


def report_of(*figures, earlier=None):
    with redirect_stdout(StringIO()):
        report = Report(Path(__file__).parent, "a test")
        if earlier:
            report.take_in(earlier)
        for figure in figures:
            report.add(figure)
    return report


class TakeIn(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.path = Path(held.name) / "earlier.json"

    def test_what_was_saved_is_what_was_added(self):
        report_of(FIRST, SECOND).save(self.path)
        self.assertEqual(report_of(earlier=self.path).figures, [FIRST, SECOND])

    def test_what_is_measured_again_replaces_it(self):
        report_of(FIRST, SECOND).save(self.path)
        again = replace(FIRST, value=11.0)
        self.assertEqual(report_of(again, earlier=self.path).figures, [SECOND, again])

    def test_another_machine_is_refused(self):
        report_of(FIRST).save(self.path)
        self.path.write_text(self.path.read_text().replace('"kernel": "', '"kernel": "x'))
        with self.assertRaisesRegex(BenchError, "another machine"):
            report_of(earlier=self.path)

    def test_something_else_is_refused(self):
        self.path.write_text("{}")
        with self.assertRaisesRegex(BenchError, "not what --json writes"):
            report_of(earlier=self.path)


if __name__ == "__main__":
    unittest.main()
