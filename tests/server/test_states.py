"""The tables of states: that they hang together, and that the page which is drawn from them shows all of them."""

from __future__ import annotations

import pytest

from opencloudmesh.server import states
from opencloudmesh.server.states import MACHINES, Machine, diagram

every = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)


@every
def test_every_state_can_be_reached_and_has_a_way_out_or_is_the_last(machine):
    reached, names = {machine.first}, {state for state, _ in machine.transitions}
    for _ in machine.transitions:
        reached |= {target for (state, _), target in machine.transitions.items() if state in reached}
    assert reached == names | set(machine.transitions.values()) | {machine.first}
    last = set(machine.transitions.values()) - names
    assert len(last) == 1, "all lives end in one state"


@every
def test_every_transition_is_drawn_and_no_other(machine):
    arrows = [line for line in diagram(machine).splitlines() if "-->" in line and ": " in line]
    assert len(arrows) == len(machine.transitions)
    for state, event in machine.transitions:
        assert any(f"{state.replace('-', '_')} --> " in line and line.endswith(f": {event}") for line in arrows)


def test_a_state_that_is_new_in_a_table_is_drawn():
    machine = Machine("", "", {("a", "goes"): "b", ("b", "is lost"): "not-there"}, "a", "")
    assert diagram(machine).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> a",
        '    state "not-there" as not_there',
        "    a --> b: goes",
        "    b --> not_there: is lost",
        "    not_there --> [*]",
    ]


@every
def test_the_page_says_what_each_table_is(machine):
    assert f"`{machine.name}`. {machine.text}" in states.page()
