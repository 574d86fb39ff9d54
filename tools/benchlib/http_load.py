"""bench/http_load, the load that wrk does not make: at a fixed rate, with bodies, with a new connection for each request."""

import json

from benchlib.processes import LOAD_CORE, PATIENCE, BenchError, Process


class HttpLoad(Process):
    """A load whose connections are open and warm, and which waits for `run`."""

    def __init__(self, program, proxy, connections, seconds, warm_up=0, close=False, **options):
        if warm_up:
            options["warm-up"] = warm_up
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command = [program, "--connect", proxy.address, "--connections", connections, "--seconds", seconds]
        super().__init__([*command, *words, *(["--close"] if close else []), "--gated"], LOAD_CORE)
        self._seconds, self._warm_up = warm_up + seconds, warm_up
        try:
            self.expect("ready")
        except BaseException:
            self.__exit__()
            raise

    def begin(self):
        """Returns when what counts begins: after the warm-up, if there is one."""
        self.tell("go")
        if self._warm_up:
            self.expect("warm")

    def run(self):
        """What the load says: requests, errors, requests_per_second, p50_us, p99_us and more."""
        self.begin()
        return self.result()

    def result(self):
        """Waits for the end of what was begun."""
        result = json.loads(self.read_line(4 * self._seconds + PATIENCE))
        if not result["requests"]:
            raise BenchError(f"{' '.join(self.command)}: no request was answered")
        return result


def sample(program, proxy, connections, seconds, warm_up=0, **options):
    """A load, and the CPU that the proxy spent on it. No connection of a client opens or closes in it, but for `close`; of
    those upstream, none once a warm-up of the load has opened as many as are needed."""
    with HttpLoad(program, proxy, connections, seconds, warm_up, **options) as load:
        if warm_up:
            load.begin()
        before = proxy.cpu_nanoseconds()
        result = load.result() if warm_up else load.run()
        proxy.check_alive()
        spent = proxy.cpu_nanoseconds() - before
        return result | {
            "cpu_us_per_request": spent / result["requests"] / 1000,
            "cpu_ns": spent,
            "resident_bytes": proxy.resident_bytes(),
        }
