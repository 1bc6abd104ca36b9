"""The audit trail: what crossed servers, what was refused and why, and what was decided; filtered, and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from opencloudmesh.protocol.errors import FieldError, Invalid
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import audit, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.audit import Row, Wanted
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, said, whole

OUTCOMES = ("done", "refused", "failed")
COLUMNS = (
    "at",
    "event",
    "direction",
    "outcome",
    "host",
    "who",
    "account",
    "by",
    "verified",
    "subject",
    "reason",
    "count",
)
CHUNK = 1_000  # rows of a file that are read at once
# With which spreadsheets take a cell for a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def list_audit(context: Context, _account: Account, request: Request) -> Response:
    """A page of the audit trail, newest first."""
    wanted, before = filters(request), place(said(request, "before"))
    rows = await context.database.read(lambda tx: audit.page(tx, wanted, before=before, limit=PAGE))
    return json_response([{**views.audit(row), "place": place_of(row)} for row in rows])


async def export_audit(context: Context, _account: Account, request: Request) -> Response:
    """The audit trail as a file."""
    return export(context, filters(request), said(request, "format") or "jsonl")


def filters(request: Request) -> Wanted:
    """What the query asks for. Raises `Invalid`."""
    event, outcome = said(request, "event"), said(request, "outcome")
    for name, word, words in (("event", event, audit.EVENTS), ("outcome", outcome, OUTCOMES)):
        if word and word not in words:
            raise Invalid("It is one of: {words}.", words=", ".join(words), fields=[FieldError(name, "INVALID")])
    return Wanted(
        host=said(request, "host").strip(),
        account=said(request, "account").strip(),
        event=event,
        outcome=outcome,
        since=_moment(request, "since") or 0,
        until=_moment(request, "until"),
    )


def place(text: str) -> tuple[int, int] | None:
    """Where a page begins: `at-id` of the last row before it. Raises `Invalid`."""
    if not text:
        return None
    at, _, row_id = text.partition("-")
    return whole(at, "before"), whole(row_id, "before")


def place_of(row: Row) -> str:
    """The same of a row."""
    return f"{row.at}-{row.id}"


def export(context: Context, wanted: Wanted, kind: str) -> Response:
    """A file of the kind, written as it is read. Raises `Invalid`."""
    if kind not in KINDS:
        raise Invalid(
            "The format is one of: {words}.", words=", ".join(KINDS), fields=[FieldError("format", "INVALID")]
        )
    head, line, media_type = KINDS[kind]
    headers = {
        "Content-Disposition": f'attachment; filename="audit.{kind}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(_lines(context, wanted, head, line), headers=headers, media_type=media_type)


async def _lines(
    context: Context, wanted: Wanted, head: bytes, line: Callable[[dict[str, Any]], bytes]
) -> AsyncIterator[bytes]:
    before: tuple[int, int] | None = None
    yield head
    while True:
        asked = before
        rows = await context.database.read(lambda tx: audit.page(tx, wanted, before=asked, limit=CHUNK))  # noqa: B023
        yield b"".join(line(views.audit(row)) for row in rows)
        if len(rows) < CHUNK:
            return
        before = rows[-1].at, rows[-1].id


def _json_line(row: dict[str, Any]) -> bytes:
    return encode_json(row) + b"\n"


def _csv_line(row: dict[str, Any]) -> bytes:
    moment = datetime.fromtimestamp(row["at"], UTC).isoformat().replace("+00:00", "Z")
    return _csv([_harmless(str(value)) for value in ({**row, "at": moment}[name] for name in COLUMNS)])


def _csv(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue().encode()


def _harmless(text: str) -> str:
    """Others choose names and reasons: none of them is a formula where the file is opened."""
    return f"'{text}" if text.startswith(FORMULA) else text


KINDS = {
    "jsonl": (b"", _json_line, "application/jsonl"),
    "csv": (_csv(COLUMNS), _csv_line, "text/csv; charset=utf-8"),
}


def _moment(request: Request, name: str) -> int | None:
    text = said(request, name)
    return whole(text, name) if text else None
