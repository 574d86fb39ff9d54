import unittest

from benchlib.proxy import figures

VALUES = {
    "tinygate-io_uring": [8.0, 9.0],
    "tinygate-io_uring-pipeline": [4.0, 4.5],
    "nginx": [16.0, 18.0],
    "nginx-streaming": [10.0, 12.0],
    "haproxy": [20.0, 20.0],
    "bare-io_uring": [8.0, 9.0],
    "bare-epoll": [9.0, 9.0],
}


class BetterPeer(unittest.TestCase):
    def test_is_the_cheapest_of_the_other_proxies(self):
        self.assertEqual(figures.better_peer(VALUES), "nginx-streaming")

    def test_is_nobody_where_there_is_none(self):
        self.assertIsNone(figures.better_peer({"tinygate-epoll": [1.0], "bare-epoll": [1.0]}))


class Compare(unittest.TestCase):
    def ratios(self, name):
        return {one.name: one.ratio.value for one in figures.compare(VALUES, name, "cpu", "p", "us/request")}

    def test_is_to_each_peer_and_to_the_pump_of_the_same_mechanism(self):
        for name, factor in (("tinygate-io_uring", 1), ("tinygate-io_uring-pipeline", 0.5)):
            found = self.ratios(name)
            self.assertEqual(
                list(found), [f"p.{name}.cpu_to_{other}" for other in ("nginx", "nginx-streaming", "haproxy", "bare")]
            )
            self.assertAlmostEqual(found[f"p.{name}.cpu_to_nginx"], 0.5 * factor)
            self.assertAlmostEqual(found[f"p.{name}.cpu_to_bare"], 1.0 * factor)

    def test_of_others_there_is_none(self):
        self.assertEqual(self.ratios("nginx"), {})
        self.assertEqual(self.ratios("bare-io_uring"), {})


if __name__ == "__main__":
    unittest.main()
