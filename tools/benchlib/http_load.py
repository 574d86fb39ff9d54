"""bench/http_load, the load that wrk does not make: at a fixed rate, with bodies, with a new connection for each request."""

import json

from benchlib.processes import LOAD_CORE, PATIENCE, BenchError, Process


class HttpLoad(Process):
    """A load whose connections are open and warm, and which waits for `run`."""

    def __init__(self, program, proxy, connections, seconds, close=False, **options):
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command = [program, "--connect", proxy.address, "--connections", connections, "--seconds", seconds]
        super().__init__([*command, *words, *(["--close"] if close else []), "--gated"], LOAD_CORE)
        self._seconds = seconds
        try:
            self.expect("ready")
        except BaseException:
            self.__exit__()
            raise

    def run(self):
        """What the load says: requests, errors, requests_per_second, p50_us, p99_us and more."""
        self.tell("go")
        result = json.loads(self.read_line(4 * self._seconds + PATIENCE))
        if not result["requests"]:
            raise BenchError(f"{' '.join(self.command)}: no request was answered")
        return result


def sample(program, proxy, connections, seconds, **options):
    """A load, and the CPU that the proxy spent on it; no connecting or closing is in it but what `close` asks for."""
    with HttpLoad(program, proxy, connections, seconds, **options) as load:
        before = proxy.cpu_nanoseconds()
        result = load.run()
        proxy.check_alive()
        spent = proxy.cpu_nanoseconds() - before
        return result | {
            "cpu_us_per_request": spent / result["requests"] / 1000,
            "cpu_ns": spent,
            "resident_bytes": proxy.resident_bytes(),
        }
