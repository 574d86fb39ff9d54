import argparse
import json
import os
import resource
import signal
import sys
from pathlib import Path

from benchlib import await_cost, chart, echo, files, forwarder, idle, ladder, proxy, wrk, zero_copy
from benchlib.processes import BenchError, end_all
from benchlib.report import Report

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ["io_uring", "epoll", "epoll:level", "epoll:oneshot", "linux_aio", "poll", "select", "threads", "sigio"]


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # in order, so that nothing is left behind
    try:
        report = RUN[options.what](options)
        if getattr(options, "json", None):
            report.save(options.json)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()
    return 0


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help tells more)\n")


def parse():
    parser = Parser(prog="tools/bench", description="Measures penstock; never fails because of a figure.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", type=Path, metavar="FILE", help="write every raw sample and the environment")
    common.add_argument("--quick", action="store_true", help="a smoke test: the figures mean little")
    common.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", metavar="DIR", help="where the binaries are")
    kinds = parser.add_subparsers(dest="what", required=True)

    per_message = kinds.add_parser("echo", parents=[common], help=echo.ABOUT.replace("%", "%%"))
    per_message.add_argument("--backends", type=backend_list, default=BACKENDS, metavar="A,B")
    per_message.add_argument("--connections", type=number_list, metavar="N,M")
    per_message.add_argument("--rounds", type=positive(int), metavar="N", help="pairs")
    per_message.add_argument("--seconds", type=positive(float), metavar="S", help="of load per side of a pair")

    per_connection = kinds.add_parser("idle", parents=[common], help=idle.ABOUT)
    per_connection.add_argument("--backends", type=backend_list, default=BACKENDS, metavar="A,B")

    per_await = kinds.add_parser("await", parents=[common], help=await_cost.ABOUT)
    per_await.add_argument("--rounds", type=positive(int), metavar="N")

    per_send = kinds.add_parser("zero-copy", parents=[common], help=zero_copy.ABOUT.replace("%", "%%"))
    per_send.add_argument("--rounds", type=positive(int), metavar="N", help="pairs of each size")

    per_form = kinds.add_parser(
        "forwarder", parents=[common], help=forwarder.ABOUT.replace("%", "%%"), description=forwarder.METHOD
    )
    per_form.add_argument("--forms", type=form_list, metavar="A,B", help="two sockets: of io-submit, io-uring")
    per_form.add_argument("--sizes", type=number_list, metavar="N,M", help="two sockets: bytes of a message (default 64,4096)")
    per_form.add_argument("--backends", type=backend_list, metavar="A,B", help="n to n")
    per_form.add_argument("--connections", type=number_list, default=[32], metavar="N,M", help="n to n (default 32)")
    per_form.add_argument("--rounds", type=positive(int), metavar="N", help="pairs")
    per_form.add_argument("--seconds", type=positive(float), metavar="S", help="of load per side of a pair")

    per_feature = kinds.add_parser(
        "ladder", parents=[common], help=ladder.ABOUT.replace("%", "%%"), description=ladder.METHOD
    )
    per_feature.add_argument(
        "--what", dest="parts", type=one_of(["echo", "reads"]), default=["echo", "reads"], metavar="A,B", help="of echo, reads"
    )
    per_feature.add_argument("--connections", type=number_list, metavar="N,M", help="of echo (default 1,32,256)")
    per_feature.add_argument("--depths", type=number_list, metavar="N,M", help="reads under way (default 1,32,128)")
    per_feature.add_argument("--rounds", type=positive(int), metavar="N", help="trials of each rung (default 9)")
    per_feature.add_argument("--seconds", type=positive(float), metavar="S", help="of each trial (default 0.3)")
    per_feature.add_argument(
        "--directory", type=Path, default=Path("/var/tmp"), metavar="DIR", help="on the drive to read from (default /var/tmp)"
    )

    per_read = kinds.add_parser("files", parents=[common], help=files.ABOUT.replace("%", "%%"), description=files.METHOD)
    per_read.add_argument("--depths", type=number_list, metavar="N,M", help="reads under way (default 1,32,128)")
    per_read.add_argument("--rounds", type=positive(int), metavar="N", help="trials of each (default 7)")
    per_read.add_argument("--seconds", type=positive(float), metavar="S", help="of each trial (default 0.3)")
    per_read.add_argument(
        "--what", dest="parts", type=one_of(files.WORKLOADS), default=list(files.WORKLOADS), metavar="A,B",
        help="of " + ", ".join(files.WORKLOADS),
    )
    per_read.add_argument(
        "--contenders", type=one_of(files.OWN + files.BARE + files.FIO), metavar="A,B", help="only these, of "
        + ", ".join(files.OWN + files.BARE + files.FIO),
    )

    per_request = kinds.add_parser(
        "proxy", parents=[common], help=proxy.ABOUT.replace("%", "%%"), description=proxy.METHOD,
        epilog="Parts: " + "; ".join(f"{name}: {part.ABOUT}" for name, part in proxy.PARTS.items()),
    )
    per_request.add_argument(
        "--what", dest="parts", type=part_list, metavar="A,B", help="only these parts (default: all; with --case: requests)"
    )
    per_request.add_argument("--backends", type=backend_list, metavar="A,B", help="of TinyGate; some parts take the first only")
    per_request.add_argument(
        "--case", type=case, action="append", metavar="PATH:CONNECTIONS",
        help=f"a load of requests; may be repeated (default: {' '.join(proxy.CASES)})",
    )
    per_request.add_argument(
        "--add-to", type=Path, metavar="FILE", help="an earlier --json of this machine: what it has of other loads is kept and judged, too"
    )
    per_request.add_argument("--rounds", type=positive(int), metavar="N", help="turns of each proxy (default 11)")
    per_request.add_argument("--seconds", type=positive(float), metavar="S", help="of load per turn (default 1.5)")

    picture = kinds.add_parser("chart", help="draws what `proxy --json FILE` has measured, as SVG")
    picture.add_argument("file", type=Path, metavar="FILE")
    picture.add_argument("--out", type=Path, default=ROOT / "docs/figures/proxy.svg", metavar="SVG")
    return parser.parse_args()


def run_echo(options):
    programs = echo.Programs.under(options.bin)
    require(programs.penstock, programs.bare, programs.load)
    plan = echo.Plan(
        backends=options.backends,
        connections=options.connections or ([32] if options.quick else [32, 256]),
        rounds=options.rounds or (3 if options.quick else 12),
        seconds=options.seconds or (0.2 if options.quick else 0.5),
        traced_messages=2_000 if options.quick else 20_000,
        traced_rounds=1 if options.quick else 5,
    )
    report = Report(ROOT, echo.ABOUT)
    echo.measure(plan, programs, report)
    return report


def run_idle(options):
    programs = echo.Programs.under(options.bin)
    require(programs.penstock, programs.bare, programs.load)
    raise_descriptor_limit(idle.STEPS[-1] + 100)
    report = Report(ROOT, idle.ABOUT)
    idle.measure(options.backends, programs, report)
    return report


def run_await(options):
    program = options.bin / "bench/await_bench"
    require(program)
    report = Report(ROOT, await_cost.ABOUT)
    await_cost.measure(program, options.rounds or (2 if options.quick else 10), report)
    return report


def run_zero_copy(options):
    program = options.bin / "bench/zero_copy_bench"
    require(program)
    report = Report(ROOT, zero_copy.ABOUT)
    zero_copy.measure(program, options.rounds or (1 if options.quick else 15), report)
    return report


def run_forwarder(options):
    """Without options everything; --forms or --backends alone is that part alone."""
    everything = options.forms is None and options.backends is None
    plan = forwarder.Plan(
        forms=forwarder.FORMS if everything else options.forms or [],
        sizes=options.sizes or ([64] if options.quick else [64, 4096]),
        backends=(BACKENDS[:2] if options.quick else BACKENDS) if everything else options.backends or [],
        connections=options.connections,
        rounds=options.rounds or (2 if options.quick else 12),
        seconds=options.seconds or (0.2 if options.quick else 0.5),
        traced_messages=1_000 if options.quick else 5_000,
    )
    programs = forwarder.Programs.under(options.bin)
    require(*programs.all(plan.forms))
    report = Report(ROOT, forwarder.ABOUT)
    forwarder.measure(plan, programs, report)
    return report


def run_ladder(options):
    quick = options.quick
    plan = ladder.Plan(
        what=options.parts,
        connections=options.connections or ([32] if quick else [1, 32, 256]),
        depths=options.depths or ([32] if quick else [1, 32, 128]),
        rounds=options.rounds or (1 if quick else 9),
        seconds=options.seconds or (0.05 if quick else 0.3),
        directory=options.directory,
        mebibytes=16 if quick else 256,
    )
    programs = ladder.Programs.under(options.bin)
    require(programs.echo, programs.reads, programs.load)
    ladder.check(plan)
    report = Report(ROOT, ladder.ABOUT)
    ladder.measure(plan, programs, report)
    return report


def run_files(options):
    quick = options.quick
    few = ["penstock/io_uring", "bare/io_uring-raw-registered", files.REFERENCE]
    plan = files.Plan(
        what=options.parts,
        contenders=options.contenders or (few if quick else files.OWN + files.BARE + files.FIO),
        depths=options.depths or ([32] if quick else [1, 32, 128]),
        rounds=options.rounds or (1 if quick else 7),
        seconds=options.seconds or (0.05 if quick else 0.3),
    )
    program = options.bin / "iobench"
    require(program)
    report = Report(ROOT, files.ABOUT)
    files.measure(plan, program, report)
    return report


def run_proxy(options):
    programs = ("tinygate", "bench/bare_pump", "bench/http_load", "bench/upload_origin")
    require(*(options.bin / program for program in programs))
    if not wrk.installed():
        raise BenchError("wrk, which makes the load, is not installed: run `tools/packages ensure`")
    plan = proxy_plan(options)
    raise_descriptor_limit(2 * plan.most_connections + 1_000)
    report = Report(ROOT, proxy.ABOUT)
    if options.add_to:
        report.take_in(options.add_to)
    proxy.measure(plan, options.bin, report, keep=lambda: options.json and report.save(options.json))
    return report


def proxy_plan(options):
    quick = options.quick
    chosen = {
        "parts": options.parts or (["requests"] if options.case else list(proxy.PARTS)),
        "backends": options.backends or ["io_uring", "epoll", "linux_aio"],
        "cases": options.case or [proxy.Case.parse(text) for text in (["/:16"] if quick else proxy.CASES)],
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    chosen = {name: value for name, value in chosen.items() if value is not None}
    return proxy.Plan.quick(**chosen) if quick else proxy.Plan.full(**chosen)


def run_chart(options):
    try:
        drawn = chart.draw(json.loads(options.file.read_text()))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(drawn)
    except OSError as error:
        raise BenchError(f"{error.filename}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{options.file} is not what `tools/bench proxy --json` writes: {error}") from None
    print(options.out)


RUN = {
    "echo": run_echo, "idle": run_idle, "await": run_await, "forwarder": run_forwarder, "ladder": run_ladder,
    "files": run_files, "proxy": run_proxy, "zero-copy": run_zero_copy,
    "chart": run_chart,
}  # fmt: skip


def require(*programs):
    for program in programs:
        if not os.access(program, os.X_OK):
            raise BenchError(f"{program} is missing: run `tools/build release` first")


def raise_descriptor_limit(needed):
    """For the servers, which inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BenchError(f"the hard limit of descriptors is {hard}, {needed} are needed (`ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def backend_list(text):
    names = text.split(",")
    for name in names:
        if name not in BACKENDS:
            raise argparse.ArgumentTypeError(f"unknown backend '{name}' (there are {', '.join(BACKENDS)})")
    return names


def form_list(text):
    names = text.split(",")
    for name in names:
        if name not in forwarder.FORMS:
            raise argparse.ArgumentTypeError(f"unknown form '{name}' (there are {', '.join(forwarder.FORMS)})")
    return names


def one_of(known):
    """A list of some of them, separated by commas."""

    def parse_list(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return names

    return parse_list


def part_list(text):
    names = text.split(",")
    for name in names:
        if name not in proxy.PARTS:
            raise argparse.ArgumentTypeError(f"unknown part '{name}' (there are {', '.join(proxy.PARTS)})")
    return names


def case(text):
    try:
        return proxy.Case.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(error) from None


def number_list(text):
    return [positive(int)(part) for part in text.split(",")]


def positive(kind):
    def parse_one(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if value <= 0:
            raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
        return value

    return parse_one


if __name__ == "__main__":
    sys.exit(main())
