"""The page for operators says what the journeys show."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.foreign.matrix import matrix

PAGE = Path(__file__).parents[3] / "docs" / "interoperability.md"


def test_the_matrix_of_the_page_is_that_of_the_journeys():
    assert matrix() in PAGE.read_text()
