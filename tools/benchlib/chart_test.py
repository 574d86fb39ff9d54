import unittest
from xml.etree import ElementTree

from benchlib import chart

ENVIRONMENT = {"cpu": "A & B", "cores": [0, 1], "kernel": "6.1", "taken_at": "2026-01-02T03:04:05+00:00", "commit": "abc"}


def figure(prefix, contender, *values):
    samples = {contender: [{"cpu_us_per_request": value} for value in values]}
    return {"name": f"{prefix}.{contender}.cpu", "value": values[0], "samples": samples}


class Draw(unittest.TestCase):
    def drawn(self, *figures):
        root = ElementTree.fromstring(chart.draw({"environment": ENVIRONMENT, "figures": figures}))
        widths = [float(one.get("width")) for one in root.iter("{http://www.w3.org/2000/svg}rect")]
        return widths, "".join(root.itertext())

    def test_bars_of_a_panel_have_one_scale(self):
        widths, texts = self.drawn(figure("proxy./:64", "nginx", 20.0), figure("proxy./:64", "tinygate-epoll", 10.0))
        self.assertEqual(widths, [chart.BAR / 2, chart.BAR])  # ours come first
        self.assertIn("65 B, 64 connections", texts)
        self.assertIn("A & B", texts)

    def test_panels_have_scales_of_their_own(self):
        widths, _ = self.drawn(figure("proxy./:64", "nginx", 20.0), figure("proxy./f/1m:16", "nginx", 700.0))
        self.assertEqual(widths, [chart.BAR, chart.BAR])

    def test_other_figures_are_passed_over(self):
        widths, _ = self.drawn(figure("proxy./:64", "nginx", 20.0), {"name": "proxy./:64.nginx.rate", "value": 1, "samples": {}})
        self.assertEqual(len(widths), 1)

    def test_three_digits_are_told(self):
        told = {12.345: "12.3", 9.876: "9.88", 99.96: "100", 443.2: "443", 1174.0: "1,170", 8994.0: "8,990"}
        self.assertEqual({value: chart.three_digits(value) for value in told}, told)

    def test_needs_something_to_draw(self):
        with self.assertRaises(ValueError):
            self.drawn()


if __name__ == "__main__":
    unittest.main()
