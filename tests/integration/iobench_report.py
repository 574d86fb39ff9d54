#!/usr/bin/env python3
# presets: release
"""`iobench report`: the page in a real browser, the Markdown, the picture, and what it says of a bad file.

The results are made up, with texts that mean harm. Screenshots are left in build/test-logs/.
"""

import json
import re
import sys
import tempfile
import xml.dom.minidom
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import iobench_results  # noqa: E402
from browser import Browser  # noqa: E402
from programs import BIN, SOURCE, Cases, check, check_complaint, check_equal, run  # noqa: E402

PICTURES = SOURCE / "build" / "test-logs"
IOBENCH = BIN / "iobench"
HIGHEST = 12000  # pixels of a page that are looked at

# What the page is asked for, in JavaScript.
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
CULPRITS = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') &&
    e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.getAttribute('class')).slice(0, 5)"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
SHOWN = "[...document.querySelectorAll('svg.wide')].filter(e => e.getBoundingClientRect().width > 0).length"
HARM_DONE = "[...document.querySelectorAll('script')].filter(e => e.textContent.includes('alert(1)') && e.type === '').length"
MARKS = "document.querySelectorAll('svg.wide .crossing').length"
BROKEN_LINKS = """[...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href').slice(1))
    .filter(id => document.getElementById(id) === null)"""
TWICE = """[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)"""


def make(folder, results, *options):
    source = folder / "results.json"
    source.write_text(json.dumps(results))
    done = run([IOBENCH, "report", source, *options])
    check_equal((done.returncode, done.stderr), (0, b""), "status and stderr of `iobench report`")
    return done.stdout.decode()


def sound(browser):
    check_equal(browser.complaints(), [], "errors on the console")
    away = [url for url in browser.requests() if not url.startswith(("file:", "data:"))]
    check_equal(away, [], "requests to the network")
    check_equal(browser.value(OVERFLOW), 0, f"pixels to scroll sideways, by {browser.value(CULPRITS)}")
    check_equal(browser.value(HARM_DONE), 0, "scripts that a text has brought in")
    check_equal(browser.value(BROKEN_LINKS), [], "links to nowhere")
    check_equal(browser.value(TWICE), [], "ids that are there twice")


def looks(browser, page, name, width, dark=False, script=True):
    browser.open(page.as_uri(), width, 900, dark, script)
    sound(browser)
    dark_here = sum(browser.value(BACKGROUND)) < 3 * 128
    check_equal(dark_here, dark, "the page is dark")
    check_equal(browser.value(SHOWN) > 0, width > 700, "wide charts are shown")
    height = min(HIGHEST, browser.value("document.documentElement.scrollHeight"))
    browser.screenshot(PICTURES / f"iobench_report.{name}.png", width, height)


def page_in_a_browser():
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        make(Path(folder), iobench_results.results(), "--html", page)
        with Browser() as browser:
            looks(browser, page, "light", 1280)
            check(browser.value(MARKS) >= 1, "no crossing is marked, although the lines of leaders cross")
            toggles(browser)
            data = json.loads(browser.value("document.getElementById('results').textContent"))
            check_equal(data["measured"], iobench_results.results()["measured"], "the samples in the page")
            looks(browser, page, "dark", 1280, dark=True)
            looks(browser, page, "phone", 360)
            looks(browser, page, "phone-dark", 360, dark=True)


def toggles(browser):
    muted = ".multiples .line.muted"
    before = browser.value(f"document.querySelector('section#echo').querySelectorAll('{muted}').length")
    browser.value("document.querySelector('section#echo .legend li.muted').click()")
    after = browser.value(f"document.querySelector('section#echo').querySelectorAll('{muted}').length")
    check(after < before, f"a click on a name brings no line to the fore ({before} muted, then {after})")


def page_without_script():
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        make(Path(folder), iobench_results.results(3), "--html", page)
        text = page.read_text()
        check("http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text, "an address is in it")
        body = text[: text.index("<script")]
        for part in ("Who leads where", "penstock/io_uring", "What was left out", "How to read this"):
            check(part in body, f"{part!r} is not in the page without its scripts")


def little_is_a_report_too():
    with tempfile.TemporaryDirectory() as folder:
        nothing = {**iobench_results.results(1), "measured": [], "environment": {}, "left_out": [], "complete": False}
        page = Path(folder) / "report.html"
        make(Path(folder), nothing, "--html", page, "--markdown", Path(folder) / "report.md")
        check("interrupted" in page.read_text(), "an interrupted run is not called that")


def markdown():
    with tempfile.TemporaryDirectory() as folder:
        said = make(Path(folder), iobench_results.results(3), "--markdown", "-")
        check("<script" not in re.sub(r"`[^`]*`", "", said.replace("\\`", "")).replace("\\<", ""), "a tag is not escaped")
        tables = [line for line in said.splitlines() if line.startswith("|")]
        check(len(tables) > 100, f"{len(tables)} lines of tables only")
        for line in tables:
            check(line.endswith("|"), f"a row without an end: {line}")


def picture():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "echo.svg"
        make(Path(folder), iobench_results.results(3), "--chart", "echo", "--svg", file)
        names = [e.firstChild.data for e in xml.dom.minidom.parse(str(file)).getElementsByTagName("text")]
        check("penstock/io_uring" in names, f"no name beside a line: {names}")
        check("prefers-color-scheme" in file.read_text(), "it has one look only")


def bad_input():
    with tempfile.TemporaryDirectory() as folder:
        missing = run([IOBENCH, "report", Path(folder) / "none.json", "--html", "-"])
        check_complaint(missing, 2, "iobench", "none.json", "No such file")
        source = Path(folder) / "results.json"
        source.write_text("{}")
        check_complaint(run([IOBENCH, "report", source]), 2, "results.json", "not a result of iobench")
        source.write_text(json.dumps(iobench_results.results(1)))
        check_complaint(run([IOBENCH, "report", source, "--html", "/nowhere/x.html"]), 2, "/nowhere/x.html", "No such file")
        check_complaint(run([IOBENCH, "report", source, "--chart", "nothing", "--svg", "-"]), 2, "nothing", "echo")


def main():
    cases = Cases()
    for case in (markdown, picture, little_is_a_report_too, page_without_script, bad_input, page_in_a_browser):
        cases.run(case.__name__, case)
    cases.end()


main()
