"""The page for operators says what the journeys show; this holds also when none of them is run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.journeys.foreign import matrix
from tests.journeys.foreign.kinds import FLOWS, KINDS, WE

CELL = ("reva", WE, "read")


@pytest.fixture
def cells():
    """Those of the page."""
    return matrix.read(matrix.PAGE.read_text())


def test_the_page_has_every_cell_and_says_what_the_journeys_assert(cells):
    names = {kind.name: kind for kind in KINDS}
    assert set(cells) == matrix.wanted() | set(matrix.nothing())
    for (name, direction, flow), value in cells.items():
        kind = names[name]
        assert value == ("-" if not kind.has(direction, flow) else "yes" if kind.can(direction, flow) else "no")


def test_the_page_is_what_would_be_written_with_the_reason_of_every_no(cells):
    assert matrix.written(cells) in matrix.PAGE.read_text()
    for kind in KINDS:
        for why in {*kind.cannot.values(), *kind.without.values()}:
            assert [line for line in matrix.written(cells).splitlines() if kind.family in line and f": {why} (" in line]


def test_what_is_written_is_read_back(cells):
    turned = {cell: {"yes": "no"}.get(value, value) for cell, value in cells.items()}
    assert matrix.read(f"{matrix.BEGIN}\n{matrix.written(turned)}\n{matrix.END}") == turned


def test_a_run_is_held_against_the_page(cells):
    shown = {cell: cells[cell] for cell in matrix.wanted()}
    assert matrix.differences(cells, shown, whole=True) == []
    (wrong,) = matrix.differences(cells, {CELL: "no"}, whole=False)
    assert wrong == "reva, we share with it, read: the page says yes, the tests showed no"
    (missing,) = matrix.differences(cells, {cell: shown[cell] for cell in shown if cell != CELL}, whole=True)
    assert missing == "reva, we share with it, read: no test showed it"
    (new,) = matrix.differences({}, {CELL: "yes"}, whole=False)
    assert "the page says nothing" in new
    (gone,) = matrix.differences({**cells, ("gone", WE, "read"): "yes"}, shown, whole=True)
    assert "gone" in gone


def test_two_tests_that_contradict_each_other_are_named():
    reports = [SimpleNamespace(user_properties=[("shown", [*CELL, value])]) for value in ("yes", "no")]
    assert matrix.seen(reports) == ({CELL: "yes"}, ["reva, we share with it, read: shown to work and not to work"])


def test_every_flow_is_said_in_its_own_words():
    for names in FLOWS.values():
        assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("arguments", "narrowed", "whole"),
    [
        (["tests"], {}, True),
        (["tests/journeys/foreign"], {"keyword": "", "deselect": None}, True),
        (["tests/server", "tests/journeys"], {}, True),
        (["tests"], {"keyword": "reva"}, False),
        (["tests"], {"deselect": ["tests/journeys"]}, False),
        (["tests/journeys/foreign/test_invites.py"], {}, False),
        (["tests/server"], {}, False),
    ],
)
def test_only_a_run_that_leaves_nothing_out_must_show_everything(arguments, narrowed, whole):
    place = SimpleNamespace(dir=matrix.HERE.parents[2])
    config = SimpleNamespace(option=SimpleNamespace(**narrowed), invocation_params=place, args=arguments)
    assert matrix.Matrix(config).is_whole() is whole
