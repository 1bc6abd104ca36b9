"""Reading a message field by field, so that one answer names every wrong one (`validationErrors`).

    fields = Fields(decode_object(body))
    name = fields.text("name")
    fields.check()          # raises Invalid with all that was wrong

Readers return a harmless value of the right type for a wrong field; `check` raises before anybody uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import FieldError, Invalid

T = TypeVar("T")

REQUIRED, INVALID, TOO_LONG = "REQUIRED", "INVALID", "TOO_LONG"

MAX_TEXT = 4096  # characters of any text in a message
MAX_TIME = 253_402_300_799  # the last second of the year 9999


class Fields:
    """A JSON object (or decoded form) under inspection. `prefix` is put before names in errors."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "", errors: list[FieldError] | None = None) -> None:
        self.values = values
        self.errors: list[FieldError] = [] if errors is None else errors
        self._prefix = prefix

    def wrong(self, name: str, message: str = INVALID) -> None:
        """Notes a wrong field."""
        self.errors.append(FieldError(self._prefix + name, message))

    def check(self, message: str = "Some fields are missing or wrong.") -> None:
        """Raises `Invalid` naming every wrong field, if there was any."""
        if self.errors:
            raise Invalid(message, fields=self.errors)

    def first(self, *names: str) -> tuple[str, Any]:
        """The first of several spellings that is present and not null; else the first name and None."""
        for name in names:
            if self.values.get(name) is not None:
                return name, self.values[name]
        return names[0], None

    def text(self, *names: str, required: bool = True, limit: int = MAX_TEXT) -> str:
        """A string; "" where it is absent and not required."""
        name, value = self.first(*names)
        if value is None or value == "":
            if required:
                self.wrong(name, REQUIRED)
            return ""
        if not isinstance(value, str) or "\0" in value:
            self.wrong(name)
            return ""
        if len(value) > limit:
            self.wrong(name, TOO_LONG)
            return ""
        return value

    def identifier(self, *names: str, required: bool = True) -> str:
        """A string, or an integer as Nextcloud <= 30 sends for providerId."""
        name, value = self.first(*names)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:  # PHP knows no greater
            return str(value)
        text = self.text(*names, required=required, limit=255)
        if text and not text.isprintable():
            self.wrong(name)
        return text

    def address(self, *names: str) -> Address:
        """An OCM Address in any spelling."""
        text = self.text(*names)
        return self.parsed(names[0], Address.parse, text, Address("", "")) if text else Address("", "")

    def number(self, name: str, *, limit: int = MAX_TIME) -> int | None:
        """A whole number from 0 to `limit`, or None where it is absent."""
        value = self.values.get(name)
        if value is None:
            return None
        # Floats without a fraction come from languages that know no integers; strings are refused by OpenCloud too.
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not 0 <= value <= limit:
            self.wrong(name)
            return None
        return int(value)

    def flag(self, name: str) -> bool | None:
        """True or false, or None where it is absent."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name)
            return None
        return value

    def words(self, name: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of strings; a bare string counts as a list of one (Seafile: `"permissions": "read"`)."""
        value = self.values.get(name)
        if value is None:
            if required:
                self.wrong(name, REQUIRED)
            return ()
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and len(item) < 256 for item in items):
            self.wrong(name)
            return ()
        return tuple(items)

    def object(self, name: str, *, required: bool = False) -> Fields:
        """A nested object, whose wrong fields are named `outer.inner`. PHP writes an empty one as `[]`."""
        value = self.values.get(name)
        if value in (None, [], {}) and required:
            self.wrong(name, REQUIRED)
        elif value not in (None, []) and not isinstance(value, dict):
            self.wrong(name)
        inner = value if isinstance(value, dict) else {}
        return Fields(inner, f"{self._prefix}{name}.", self.errors)

    def parsed(self, name: str, parse: Callable[[str], T], text: str, otherwise: T) -> T:
        """`parse(text)`, or `otherwise` and a note where that raises `Invalid`."""
        try:
            return parse(text)
        except Invalid:
            self.wrong(name)
            return otherwise


def end_of(day: str) -> int:
    """The last second of a day like 2026-12-31 in UTC, in unix time: people read that day. Raises `ValueError`."""
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp() + 86_399
    if not 0 <= moment <= MAX_TIME:
        raise ValueError(day)
    return int(moment)
