import unittest

from benchlib.proxy import bounds
from benchlib.report import Figure
from benchlib.stats import Ratio


def ratio_of(name, low, value, high):
    return Figure(name, 10.0, "us/request", Ratio(value, low, high))


class Judge(unittest.TestCase):
    def verdict(self, *figures):
        verdicts, left_out = bounds.judge(figures)
        self.assertEqual(len(verdicts) + len(left_out), len(list(bounds.all_bounds())))
        return verdicts[0]

    def test_the_lower_end_decides(self):
        name = "proxy./:64.tinygate-io_uring.cpu"
        self.assertTrue(self.verdict(ratio_of(name, 0.84, 0.90, 0.95)).holds)
        self.assertTrue(self.verdict(ratio_of(name, 0.85, 0.90, 0.95)).holds)
        self.assertFalse(self.verdict(ratio_of(name, 0.86, 0.90, 0.95)).holds)

    def test_a_value_is_judged_by_its_own_interval(self):
        name = "proxy.idle.tinygate-io_uring.rss"
        self.assertTrue(self.verdict(Figure(name, 410, "bytes/connection", interval=(390, 420))).holds)
        self.assertFalse(self.verdict(Figure(name, 410, "bytes/connection", interval=(401, 420))).holds)

    def test_what_was_not_measured_is_told(self):
        verdicts, left_out = bounds.judge([])
        self.assertEqual(verdicts, [])
        self.assertEqual(len(left_out), len(list(bounds.all_bounds())))

    def test_a_failed_request_of_anyone_counts(self):
        figures = [Figure("proxy./:64.nginx.errors", 0, "requests"), Figure("proxy.uploads.haproxy.errors", 1, "requests")]
        self.assertFalse(bounds.judge(figures)[0][-1].holds)
        self.assertTrue(bounds.judge(figures[:1])[0][-1].holds)

    def test_figures_of_bounds_are_named_once(self):
        names = [bound.figure for bound in bounds.all_bounds()]
        self.assertEqual(len(names), len(set(names)))


class Losses(unittest.TestCase):
    def test_are_ours_and_beyond_doubt(self):
        lost = ratio_of("proxy.scaling.1.tinygate-io_uring.cpu", 1.01, 1.1, 1.2)
        figures = [
            lost,
            ratio_of("proxy.scaling.8.tinygate-io_uring.cpu", 0.99, 1.1, 1.2),
            ratio_of("proxy.scaling.1.nginx.cpu", 1.5, 1.6, 1.7),
            ratio_of("proxy./:64.tinygate-io_uring.cpu_to_bare", 1.01, 1.1, 1.2),
            ratio_of("proxy.access-log.tinygate-io_uring-log.cpu", 1.01, 1.1, 1.2),
        ]
        self.assertEqual(list(bounds.losses(figures)), [lost])


if __name__ == "__main__":
    unittest.main()
