"""The states of everything that has any, drawn from the tables that decide about them: the page `docs/states.md`.

python -m opencloudmesh.server.states > docs/states.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from opencloudmesh.server import asked, copies, invites, news, outbox, received, share_requests, shares

Transitions = Mapping[tuple[str, str], str]

HEAD = """# States

Everything that has a life of its own has a table in the code which says what may happen to it in which state; what is
not in the table is refused, and changes nothing. This page is drawn from those tables by
`python -m opencloudmesh.server.states`, and a test holds it to them.
"""


TOLD = """`news.EVENTS`. Whatever of the above somebody else, another server or time did, the person whom it concerns is
told, once, in the transaction in which it happened; not of what they did themselves. What is not so any more is taken
back."""


class Machine(NamedTuple):
    """A table and what is to be said of it. `over`: the state in which there is no row any more."""

    title: str
    name: str
    transitions: Transitions
    first: str
    text: str
    over: str = ""


MACHINES = (
    Machine(
        "What our people share",
        "shares.TRANSITIONS",
        shares.TRANSITIONS,
        shares.PENDING,
        f"Its secret opens it in the states {', '.join(shares.LIVE)}; in any other, its tokens and locks are gone.",
    ),
    Machine(
        "What is shared with our people",
        "received.TRANSITIONS",
        received.TRANSITIONS,
        received.PENDING,
        "It is in the person's tree while it is accepted. What the sender says of a share that has ended here comes "
        "late and changes nothing, with one exception: that it had been prolonged before it expired. What was taken "
        "from a public link is accepted from the first, and nothing of it stays that was removed.",
    ),
    Machine(
        "Who asks for a share",
        "share_requests.TRANSITIONS",
        share_requests.TRANSITIONS,
        share_requests.OPEN,
        "Whoever was refused cannot ask again, so the owner can think again.",
    ),
    Machine(
        "What our people ask for",
        "asked.TRANSITIONS",
        asked.TRANSITIONS,
        asked.WAITING,
        "There is no answer but a share, so what was delivered may stay so for ever.",
    ),
    Machine(
        "What people copy to their own files",
        "copies.TRANSITIONS",
        copies.TRANSITIONS,
        copies.WAITING,
        "A file that waits may have arrived in part; it is in nobody's tree before all of it is there.",
        copies.GONE,
    ),
    Machine(
        "Invites",
        "invites.TRANSITIONS",
        invites.TRANSITIONS,
        invites.OPEN,
        "An invite that nobody has taken in time is shown as expired; it is still open, and cannot be taken.",
    ),
    Machine(
        "What has to be told to other servers",
        "outbox.TRANSITIONS",
        outbox.TRANSITIONS,
        outbox.DUE,
        "A row is gone that was delivered, that a peer refused for good, or that has become needless; one that was "
        "given up stays for the operator to see.",
        outbox.OVER,
    ),
)


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(machine) for machine in MACHINES), _told()])


def diagram(machine: Machine) -> str:
    """A table as a state diagram of Mermaid. States are in the order in which the table names them."""
    lines = ["stateDiagram-v2", f"    [*] --> {_id(machine.first)}"]
    states = dict.fromkeys([machine.first, *(state for state, _ in machine.transitions), *machine.transitions.values()])
    lines += [f'    state "{state}" as {_id(state)}' for state in states if _id(state) != state]
    for (state, event), target in machine.transitions.items():
        lines.append(f"    {_id(state)} --> {'[*]' if target == machine.over else _id(target)}: {event}")
    last = set(states) - {state for state, _ in machine.transitions} - {machine.over}
    lines += [f"    {_id(state)} --> [*]" for state in states if state in last]
    return "\n".join(lines)


def _section(machine: Machine) -> str:
    return f"## {machine.title}\n\n`{machine.name}`. {machine.text}\n\n```mermaid\n{diagram(machine)}\n```\n"


def _told() -> str:
    """What people are told, from the table of that."""
    rows = [f"| `{name}` | {event.about} | {event.sentence} |" for name, event in news.EVENTS.items()]
    head = "| event | about | what they read |\n|---|---|---|"
    return f"## What people are told\n\n{TOLD}\n\n" + "\n".join([head, *rows, ""])


def _id(state: str) -> str:
    return state.replace("-", "_")


if __name__ == "__main__":
    print(page(), end="")
