"""In which language a person is spoken to: the one that they have chosen, else the one of ours that their browser asks
for most, else English.

    with speaking("de-AT, en;q=0.5"):
        _("Files")                      # "Dateien"
        plural("{n} file", "{n} files", 2)
        when(1_757_068_205)             # "5. Sep. 2025, 10:30 UTC"

Texts are written in English where they are used. `locale/<language>.po` says them in the other languages; after a
change of the texts, `python -m tests.texts` brings those files up to date, and a test finds what is not translated.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel.core import negotiate_locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from opencloudmesh.protocol.sentences import Sentence

FOLDER = Path(__file__).parent / "locale"
ENGLISH = "en"
NAMES = {ENGLISH: "English", "de": "Deutsch", "fr": "Français"}
UNITS = ("{n} kB", "{n} MB", "{n} GB", "{n} TB", "{n} PB")


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
    if isinstance(text, Sentence):
        return text.spoken(_texts(language()).gettext)
    return _texts(language()).gettext(text) if text else ""


def plural(one: str, many: str, number: int) -> str:
    """The text for a number of things, in the language that is being spoken."""
    return _texts(language()).ngettext(one, many, number)


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """In the block, the language is the one of ours that fits best what is wanted: `Accept-Language`, or a language."""
    token = _spoken.set(_best(wanted))
    try:
        yield
    finally:
        _spoken.reset(token)


def speak(wanted: str) -> None:
    """From here to the end of the request, as `speaking`; where nothing is wanted it stays as it is."""
    if wanted:
        _spoken.set(_best(wanted))


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1000:
        return plural("{n} byte", "{n} bytes", count).format(n=count)
    number, unit = count / 1000, 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return _(UNITS[unit]).format(n=format_decimal(f"{number:.1f}", "0.0", locale=language()))


def when(seconds: float) -> str:
    """A moment as people read it; without a script a page does not know where they are."""
    # Translators: day, month, year and time as https://babel.pocoo.org/en/latest/dates.html#date-fields writes them.
    return format_datetime(moment(seconds), _("d MMM y, HH:mm 'UTC'"), locale=language())


def day(seconds: float) -> str:
    """The day of a moment, in UTC."""
    # Translators: day, month and year as https://babel.pocoo.org/en/latest/dates.html#date-fields writes them.
    return format_date(moment(seconds), _("d MMM y"), locale=language())


def moment(seconds: float) -> datetime:
    """The same as a `datetime`; where there is none so far away, the first second of all."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a peer can tell any time
        return datetime.fromtimestamp(0, UTC)


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
