import unittest

from benchlib import proxy, wrk
from benchlib.processes import BenchError

SAID = """Running 1s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.62ms  364.64us   5.46ms   78.13%
    Req/Sec    39.30k     2.11k   42.77k    80.00%
  Latency Distribution
     50%    1.57ms
     75%    1.79ms
     90%    2.04ms
     99%    2.80ms
  39139 requests in 1.00s, 8.40MB read
Requests/sec:  39100.12
Transfer/sec:      8.39MB
"""


class Read(unittest.TestCase):
    def test_of_a_good_run(self):
        self.assertEqual(wrk.read(SAID), wrk.Taken(requests=39139, rate=39100.12, p99_us=2800, errors=0))

    def test_counts_every_kind_of_error(self):
        bad = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n"
        self.assertEqual(wrk.read(SAID + bad).errors, 54321)

    def test_knows_the_units_of_time(self):
        for said, us in (("950.00us", 950), ("1.50s", 1_500_000), ("2.00m", 120_000_000)):
            self.assertEqual(wrk.read(SAID.replace("2.80ms", said)).p99_us, us)

    def test_a_run_without_an_answer_is_none(self):
        with self.assertRaises(BenchError):
            wrk.read(SAID.replace("39139", "0"))


class Case(unittest.TestCase):
    def test_is_path_and_connections(self):
        self.assertEqual(proxy.Case.parse("/f/64k:16"), proxy.Case("/f/64k", 16))
        self.assertEqual(str(proxy.Case("/", 512)), "/:512")

    def test_refuses_what_is_not(self):
        for text in ("", "/", "/:0", "/:x", "x:1", "/:1.5"):
            with self.assertRaises(ValueError):
                proxy.Case.parse(text)


if __name__ == "__main__":
    unittest.main()
