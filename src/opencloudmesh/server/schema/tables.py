"""What all tables have in common, and sentences in columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, Dialect, MetaData, Text, TypeDecorator

from opencloudmesh.protocol.sentences import Sentence

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Before a sentence with places: what is not text to anybody, and is taken off what others say.
_MARK = "\x02"


class Said(TypeDecorator[str]):
    """Text that a person reads. A `Sentence` with places is one again when it is read; it is compared as a whole."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """As it is stored."""
        return _stored(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        """As it was said."""
        return _read(value)


class SaidWithin(TypeDecorator[Any]):
    """JSON with such text in it."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> Any:
        """As it is stored."""
        return _within(value, _stored)

    def process_result_value(self, value: Any, _dialect: Dialect) -> Any:
        """As it was said."""
        return _within(value, _read)


def _stored(value: str | None) -> str | None:
    if isinstance(value, Sentence) and value.values:
        return _MARK + json.dumps(_parts(value), ensure_ascii=False)
    return value and str(value).lstrip(_MARK)


def _read(value: str | None) -> str | None:
    return _sentence(json.loads(value[1:])) if value and value.startswith(_MARK) else value


def _parts(value: str | int) -> Any:
    if not isinstance(value, Sentence):
        return value
    return [value.template, {name: _parts(part) for name, part in value.values.items()}]


def _sentence(parts: Any) -> Any:
    if not isinstance(parts, list):
        return parts
    template, values = parts
    return Sentence(template, **{name: _sentence(part) for name, part in values.items()})


def _within(value: Any, change: Callable[[str], str | None]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, (list, tuple)):
        return [_within(each, change) for each in value]
    if isinstance(value, dict):
        return {name: _within(each, change) for name, each in value.items()}
    return value
