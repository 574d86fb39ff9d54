import unittest
from pathlib import Path

from benchlib.processes import BenchError
from benchlib.progress import Progress
from benchlib.proxy.plan import Plan
from benchlib.proxy.workbench import Workbench


class Remarks(list):
    remark = list.append


class Turns(unittest.TestCase):
    def setUp(self):
        plan = Plan.quick(parts=[], backends=[], cases=[], rounds=3, seconds=2.0, warm_up=1.0)
        self.remarks = Remarks()
        self.bench = Workbench(plan, Path(), Path(), "", self.remarks, Progress(0))
        self.order = []

    def turns(self, take, **options):
        def noted(name, seconds):
            self.order.append((name, seconds))
            return take(name)

        return self.bench.turns("part", ["a", "b"], noted, **options)

    def test_each_round_starts_with_another_and_the_first_warms_up(self):
        samples = self.turns(lambda name: len(self.order))
        self.assertEqual([name for name, _ in self.order], ["b", "a", "a", "b", "b", "a", "a", "b"])
        self.assertEqual([seconds for _, seconds in self.order], [1.0] * 2 + [2.0] * 6)
        self.assertEqual(samples, {"a": [3, 6, 7], "b": [4, 5, 8]})

    def test_who_fails_is_out_and_that_is_told(self):
        def take(name):
            if name == "a" and len(self.order) > 4:
                raise BenchError("gone")
            return 1

        self.assertEqual(self.turns(take), {"b": [1, 1, 1]})
        self.assertEqual(self.remarks, ["part.a: gone"])

    def test_a_warm_up_may_fail(self):
        def take(name):
            if len(self.order) == 1:
                raise BenchError("not yet")
            return 1

        self.assertEqual(self.turns(take, rounds=1), {"a": [1], "b": [1]})


class Kinds(unittest.TestCase):
    def test_what_is_needed_of_descriptors_follows_from_the_parts(self):
        plan = Plan.full(parts=["latency"], backends=[], cases=[])
        self.assertEqual(plan.most_connections, 64)
        self.assertEqual(Plan.full(parts=["scaling", "idle"], backends=[], cases=[]).most_connections, 8_000)


if __name__ == "__main__":
    unittest.main()
