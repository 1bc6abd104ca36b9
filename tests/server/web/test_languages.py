"""The browser says in which language a person is spoken to."""

from __future__ import annotations

import pytest

from opencloudmesh.server.web import languages
from opencloudmesh.server.web.languages import speaking


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9", "de"),
        ("fr;q=0.4, de;q=0.5, en;q=0.1", "de"),
        ("ja, fr-CA;q=0.3", "fr"),
        ("ja", "en"),
        ("en-GB, de", "en"),
        ("de;q=0, fr", "fr"),
        ("de;q=much, , ;", "en"),
        ("*", "en"),
        ("x" * 10_000, "en"),
        ("\0,-,_,de_", "en"),
    ],
)
def test_the_browser_says_which_language_is_spoken(wanted, language):
    with speaking(wanted):
        assert languages.language() == language
    assert languages.language() == "en"
