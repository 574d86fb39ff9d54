import contextlib
import io
import unittest
from pathlib import Path

from benchlib import files, ladder
from benchlib.processes import LeftOut
from benchlib.report import Report
from benchlib.stats import Ratio

ROOT = Path(__file__).resolve().parents[2]


def quiet_report():
    with contextlib.redirect_stdout(io.StringIO()):
        return Report(ROOT, "a test")


class Verdict(unittest.TestCase):
    def test_is_what_the_intervals_say(self):
        better, worse = Ratio(0.8, 0.7, 0.9), Ratio(1.3, 1.2, 1.4)
        open_ended, small = Ratio(0.7, 0.5, 1.1), Ratio(0.98, 0.97, 0.99)
        self.assertEqual(ladder.verdict([better, open_ended]), "helps")
        self.assertEqual(ladder.verdict([worse, small]), "costs")
        self.assertEqual(ladder.verdict([open_ended, small]), "tied")
        self.assertIn("by how much", ladder.verdict([better, worse]))


class Climb(unittest.TestCase):
    RUNGS = [ladder.Rung("low", ""), ladder.Rung("high", "x", "low"), ladder.Rung("missing", "y", "high")]

    def climb(self, trial):
        report, verdicts = quiet_report(), {}
        with contextlib.redirect_stdout(io.StringIO()) as said:
            ladder.climb(report, verdicts, "echo", 32, self.RUNGS, 4, trial)
        return report, verdicts, said.getvalue()

    def trial(self, rung):
        if rung.name == "missing":
            raise LeftOut("this needs a newer kernel")
        cpu = 2.0 if rung.name == "low" else 1.0
        return {"cpu": cpu, "calls": 0.0, "rate": 1 / cpu, "p99": 5.0}

    def test_each_rung_is_compared_with_the_one_below_it(self):
        report, verdicts, _ = self.climb(self.trial)
        found = {figure.name: figure for figure in report.figures}
        self.assertIsNone(found["ladder.echo.low.32.cpu"].ratio)
        self.assertEqual(found["ladder.echo.high.32.cpu"].ratio.value, 0.5)
        self.assertEqual([at for at, _ in verdicts["echo", "high"]], [32])

    def test_what_is_not_to_be_had_is_left_out_with_its_reason(self):
        report, verdicts, said = self.climb(self.trial)
        self.assertIn("echo.missing.32: left out: this needs a newer kernel", said)
        self.assertFalse([figure for figure in report.figures if "missing" in figure.name])
        self.assertNotIn(("echo", "missing"), verdicts)

    def test_nothing_is_divided_by_no_calls(self):
        report, _, _ = self.climb(self.trial)
        found = {figure.name: figure for figure in report.figures}
        self.assertIsNone(found["ladder.echo.high.32.calls"].ratio)


class Files(unittest.TestCase):
    def test_a_ratio_is_of_rounds_in_which_both_took_part(self):
        series = {"rounds": [0, 1, 2], "samples": [{"iops": 10.0}, {"iops": 20.0}, {"iops": 30.0, "cpu_us": 4.0}]}
        reference = {"rounds": [1, 2], "samples": [{"iops": 10.0, "cpu_us": 8.0}, {"iops": 15.0, "cpu_us": 8.0}]}
        report = quiet_report()
        with contextlib.redirect_stdout(io.StringIO()):
            files.tell(report, "files.direct.one.32", series, reference)
        iops, cpu = report.figures
        self.assertEqual((iops.value, iops.ratio.value), (20.0, 2.0))
        self.assertEqual((cpu.value, cpu.ratio.value), (4.0, 0.5))


if __name__ == "__main__":
    unittest.main()
