import unittest

from benchlib import stats


class BootstrapInterval(unittest.TestCase):
    def test_holds_the_median_and_nothing_outside_the_samples(self):
        samples = [5.0, 5.2, 4.9, 5.1, 5.3, 5.0, 4.8, 9.0]
        low, high = stats.bootstrap_interval(samples)
        self.assertLessEqual(low, 5.05)
        self.assertGreaterEqual(high, 5.05)
        self.assertGreaterEqual(low, min(samples))
        self.assertLessEqual(high, max(samples))

    def test_of_equal_samples_is_a_point(self):
        self.assertEqual(stats.bootstrap_interval([3.0] * 7), (3.0, 3.0))

    def test_narrows_as_samples_are_added(self):
        few = stats.bootstrap_interval([1.0, 2.0, 3.0, 4.0] * 2)
        many = stats.bootstrap_interval([1.0, 2.0, 3.0, 4.0] * 50)
        self.assertLess(many[1] - many[0], few[1] - few[0])

    def test_is_the_same_each_time(self):
        samples = [1.0, 4.0, 2.0, 8.0]
        self.assertEqual(stats.bootstrap_interval(samples), stats.bootstrap_interval(samples))

    def test_needs_samples(self):
        with self.assertRaises(ValueError):
            stats.bootstrap_interval([])


class PairedRatio(unittest.TestCase):
    def test_drift_that_both_sides_share_cancels_out(self):
        ratio = stats.paired_ratio([1.1, 2.2, 4.4], [1.0, 2.0, 4.0])
        self.assertAlmostEqual(ratio.value, 1.1)
        self.assertAlmostEqual(ratio.low, 1.1)
        self.assertAlmostEqual(ratio.high, 1.1)
        self.assertFalse(ratio.tied)

    def test_is_tied_when_the_interval_includes_one(self):
        self.assertTrue(stats.paired_ratio([0.9, 1.0, 1.1, 1.05], [1.0, 1.0, 1.0, 1.0]).tied)

    def test_one_bad_pair_does_not_decide(self):
        ratio = stats.paired_ratio([1.0] * 9 + [50.0], [1.0] * 10)
        self.assertEqual(ratio.value, 1.0)

    def test_needs_pairs(self):
        with self.assertRaises(ValueError):
            stats.paired_ratio([1.0], [1.0, 2.0])


class Slope(unittest.TestCase):
    def test_is_growth_per_unit(self):
        self.assertEqual(stats.slope((1_000, 2_000_000), (10_000, 6_500_000)), 500)


if __name__ == "__main__":
    unittest.main()
