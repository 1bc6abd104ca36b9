"""In which language a person is spoken to: the one of ours that their browser asks for most, else English.

    with speaking("de-AT, en;q=0.5"):
        _("Files")                      # "Dateien"
        plural("{n} file", "{n} files", 2)

Texts are written in English where they are used. `locale/<language>.po` says them in the other languages; after a
change of the texts, `python -m tests.texts` brings those files up to date, and a test finds what is not translated.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "locale"
ENGLISH = "en"
NAMES = {ENGLISH: "English", "de": "Deutsch", "fr": "Français"}


@cache  # read when it is first spoken: commands speak none of them, and many servers one
def _texts(language: str) -> gettext.NullTranslations:
    if language == ENGLISH:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (FOLDER / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language() -> str:
    """The language that is being spoken."""
    return _spoken.get()


def _(text: str) -> str:
    """The text in the language that is being spoken."""
    return _texts(language()).gettext(text) if text else ""


def plural(one: str, many: str, number: int) -> str:
    """The text for a number of things, in the language that is being spoken."""
    return _texts(language()).ngettext(one, many, number)


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """In the block, the language is the one of ours that fits best what a browser wants: `Accept-Language`."""
    token = _spoken.set(_best(wanted))
    try:
        yield
    finally:
        _spoken.reset(token)


class Languages:
    """ASGI middleware: every request is answered in the language that it asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the application."""
        wanted = Headers(scope=scope).get("accept-language", "") if scope["type"] == "http" else ""
        with speaking(wanted):
            await self._app(scope, receive, send)


def _best(wanted: str) -> str:
    """RFC 9110, 12.5.4. What cannot be read asks for nothing."""
    ranges = []
    for item in wanted.split(",")[:20]:
        name, _semicolon, weight = item.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if quality > 0:
            ranges.append((quality, name.strip().lower()))  # what fits is given back as it is spelled here
    names = [name for _quality, name in sorted(ranges, key=lambda each: -each[0])]
    return negotiate_locale(names, list(NAMES), sep="-") or ENGLISH
