"""The matrix of `docs/interoperability.md`, from the table that the journeys hold true: `kinds.py`.

python -m tests.journeys.foreign.matrix      # prints it, to be put into the page
"""

from __future__ import annotations

from tests.journeys.foreign.kinds import ABILITIES, KINDS

HEADINGS = {
    "discover": "asks for our document when it shares",
    "take a folder": "we share a folder with it",
    "write": "its user writes, makes folders, moves and deletes in it",
    "tell accepted": "it tells us that its user accepted",
    "tell declined": "it tells us that its user declined",
    "hear unshared": "it hears that we unshared",
    "give a folder": "it shares a folder with us",
    "give to write": "our user writes in what it shares",
    "hear accepted": "it hears that our user accepted",
    "hear declined": "it hears that our user declined",
    "tell unshared": "it tells us that it unshared",
}


def matrix() -> str:
    """A row for each thing, a column for each family; below it the reason of every no."""
    names = [kind.name for kind in KINDS]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for ability in ABILITIES:
        cells = ["yes" if kind.can(ability) else "no" for kind in KINDS]
        lines.append(f"| {HEADINGS[ability]} | {' | '.join(cells)} |")
    reasons = {f"- {kind.family}, {HEADINGS[what]}: {why}." for kind in KINDS for what, why in kind.cannot.items()}
    return "\n".join([*lines, "", *sorted(reasons)])


if __name__ == "__main__":
    print(matrix())
