"""What works with whom, as a run of the journeys saw it: the tables of `docs/interoperability.md`.

    python -m tests.journeys.foreign.matrix      # runs those that show something; writes the page if all have passed

Tests say what they saw through the fixture `shows`; it goes home with their reports, from the workers of xdist too.
Every run holds the page to what it saw; one that left nothing of this folder out holds it to be complete, as well.
`tests/conftest.py` registers the plugin.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from tests.journeys.foreign.kinds import FLOWS, KINDS, Flow, Kind
from tests.peers import live

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "interoperability.md"
BEGIN, END = "<!-- from here on written by python -m tests.journeys.foreign.matrix -->", "<!-- to here -->"
NARROWING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")
REFRESH = "If that is right: python -m tests.journeys.foreign.matrix"

Cell = tuple[str, str, str]  # name of the kind, direction, flow
Cells = Mapping[Cell, str]  # "yes", "no", or "-" where there is no such thing


def columns(direction: str) -> list[Kind]:
    """Those that have something of a direction."""
    return [kind for kind in KINDS if any(kind.has(direction, name) for name in FLOWS[direction])]


def nothing() -> Cells:
    """The cells that no test can fill."""
    return {
        (kind.name, direction, name): "-"
        for direction, names in FLOWS.items()
        for kind in columns(direction)
        for name in names
        if not kind.has(direction, name)
    }


def wanted() -> set[Cell]:
    """Every cell that a test must fill."""
    every = {
        (kind.name, direction, name)
        for direction, names in FLOWS.items()
        for kind in columns(direction)
        for name in names
    }
    return every - set(nothing())


def written(cells: Cells) -> str:
    """A table for each direction, a row for each flow, a column for each kind; then the reason of every no."""
    lines: list[str] = []
    for direction, names in FLOWS.items():
        kinds = columns(direction)
        lines += [f"| {direction} | {' | '.join(kind.name for kind in kinds)} |", f"|---|{'---|' * len(kinds)}"]
        for name, said in names.items():
            found = " | ".join(cells[kind.name, direction, name] for kind in kinds)
            lines.append(f"| {said} | {found} |")
        lines.append("")
    return "\n".join([*lines, *_reasons()])


def _reasons() -> list[str]:
    """A line for each reason and what it is the reason of, with all families of which it is true."""
    families: dict[tuple[str, str], list[str]] = {}
    for kind in KINDS:
        reasons = {**kind.cannot, **kind.without}
        for why in dict.fromkeys(reasons.values()):
            flows = _listed(flow for flow, reason in reasons.items() if reason == why)
            found = families.setdefault((why, flows), [])
            found += [kind.family] if kind.family not in found else []
    return [f"- {', '.join(found)}: {why} ({flows})." for (why, flows), found in families.items()]


def _listed(flows: Iterable[Flow]) -> str:
    by_direction: dict[str, list[str]] = {}
    for direction, name in flows:
        by_direction.setdefault(direction, []).append(name)
    return "; ".join(f"{direction}: {', '.join(names)}" for direction, names in by_direction.items())


def read(page: str) -> dict[Cell, str]:
    """The cells of a page."""
    found: dict[Cell, str] = {}
    direction, names, kinds = "", {}, []
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")]
        if parts[0] in FLOWS:
            direction, kinds = parts[0], parts[1:]
            names = {said: name for name, said in FLOWS[direction].items()}
        elif line.startswith("| "):
            found |= {(kind, direction, names[parts[0]]): value for kind, value in zip(kinds, parts[1:], strict=True)}
    return found


def write(cells: Cells) -> str:
    """Puts them into the page, and says so."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{written({**cells, **nothing()})}\n\n{END}{rest.partition(END)[2]}")
    return f"{PAGE} is written."


def seen(reports: Iterable[pytest.TestReport]) -> tuple[dict[Cell, str], list[str]]:
    """What passing tests showed, and where two of them contradict each other."""
    found: dict[Cell, str] = {}
    contradictions = []
    for report in reports:
        for kind, direction, name, value in [shown for key, shown in report.user_properties if key == "shown"]:
            if found.setdefault((kind, direction, name), value) != value:
                contradictions.append(f"{kind}, {direction}, {name}: shown to work and not to work")
    return found, contradictions


def differences(page: Cells, cells: Cells, *, whole: bool) -> list[str]:
    """Where a page says something else than a run, or what nothing showed in a whole run."""
    wrong = [
        f"{', '.join(cell)}: the page says {page.get(cell, 'nothing')}, the tests showed {value}"
        for cell, value in cells.items()
        if page.get(cell) != value
    ]
    if whole:
        wrong += [f"{', '.join(cell)}: no test showed it" for cell in sorted(wanted() - set(cells))]
        wrong += [
            f"{', '.join(cell)}: on the page, but not in kinds.py" for cell in set(page) - wanted() - set(nothing())
        ]
    return wrong


class Matrix:
    """The plugin: gathers what tests show, then checks the page, or writes it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reports: list[pytest.TestReport] = []
        self.said: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Every report of a test that passed, from whatever process."""
        if report.when == "call" and report.passed:
            self.reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fails the run where the page is wrong, or is to be written and cannot be."""
        cells, wrong = seen(self.reports)
        passed = session.exitstatus == pytest.ExitCode.OK
        if account := live.configured():
            self.said = [f"What {account.url} showed, as {account.kind}:", *wrong]
            self.said += [f"{direction}, {name}, {value}" for (_, direction, name), value in cells.items()]
        elif self.config.getoption("write_matrix"):
            wrong += [] if passed else ["Not all tests passed."]
            wrong += differences(cells | nothing(), cells, whole=True)
            self.said = ["The page is not written.", *wrong] if wrong else [write(cells)]
        else:
            wrong += differences(read(PAGE.read_text()), cells, whole=passed and self.is_whole())
            self.said = [f"{PAGE} is not what the tests showed. {REFRESH}", *wrong] if wrong else []
        if wrong:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was wrong."""
        for line in self.said:
            terminalreporter.write_line(line)

    def is_whole(self) -> bool:
        """Whether nothing of this folder was left out."""
        narrowed = any(getattr(self.config.option, name, None) for name in NARROWING)
        asked = [self.config.invocation_params.dir / argument for argument in self.config.args]
        return not narrowed and any(HERE.is_relative_to(path) for path in asked)


if __name__ == "__main__":
    showing = [str(path) for path in sorted(HERE.glob("test_*.py")) if "shows(" in path.read_text()]
    sys.exit(pytest.main([*showing, "--write-matrix", *sys.argv[1:]]))
