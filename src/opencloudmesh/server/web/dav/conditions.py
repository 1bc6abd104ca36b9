"""Whether a request may go ahead: conditional headers (RFC 9110, 13), the If header (RFC 4918, 10.4), locks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial

from opencloudmesh.protocol.errors import Forbidden, Invalid, PeerError, PreconditionFailed
from opencloudmesh.server import locks
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import Entry, inside
from opencloudmesh.server.web.dav.call import Call
from opencloudmesh.server.web.dav.xml import ConditionError

NANO = 1_000_000_000
_ETAG = re.compile(r'(W/)?"([^"]*)"')
_TOKEN = re.compile(r"\s*(?:<([^<>\s]+)>|(\()|(\))|(not)\b|\[\s*((?:W/)?\"[^\"]*\")\s*\])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the If header: a lock token, or an ETag as it is quoted."""

    negated: bool
    token: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionList:
    """Conditions that must all hold, of the tagged resource, or of the request's own."""

    resource: str | None
    conditions: Sequence[Condition]


@dataclass(frozen=True, slots=True)
class Change:
    """What a request is about to change. `member`: the name comes or goes; `deep`: all below it too."""

    path: str  # in the tree
    member: bool = False
    deep: bool = False


async def hold(call: Call) -> frozenset[str]:
    """The lock tokens that the request submits. `PreconditionFailed` where one of its conditions does not hold."""
    if not _http_conditions_hold(call):
        raise PreconditionFailed("It has changed meanwhile, or is not as expected.")
    value = call.header("if")
    if value is None:
        return frozenset()
    alternatives = parse_if(value)
    for alternative in alternatives:
        if await _holds(call, alternative):
            break
    else:
        raise PreconditionFailed("It is not locked or not as the If header says.")
    return frozenset(
        condition.token for alternative in alternatives for condition in alternative.conditions if condition.token
    )


async def unlocked(call: Call, tokens: Collection[str], *changes: Change) -> None:
    """Raises 423 where a lock protects what changes, and its token is not among those submitted."""
    try:
        await call.database.read(partial(_check, call, tokens, changes))
    except locks.InTheWay as error:
        raise ConditionError(423, "lock-token-submitted", error.message, href=lock_root(call, error.path)) from error


def lock_root(call: Call, place: str) -> str:
    """Where a lock of the account's tree is in the client's eyes: not above what it can see."""
    base = call.tree.base
    path = place[len(base) :].lstrip("/") if inside(place, base) else ""
    return call.href(path, folder=not path)


def not_modified(headers: Mapping[str, str], entry: Entry) -> bool:
    """Whether what the client has is still right, so that a GET answers 304 (RFC 9110, 13.2.2)."""
    expected = headers.get("if-none-match")
    if expected is not None:
        return _matches(expected, entry, weak=True)
    since = _seconds(headers.get("if-modified-since"))
    return since is not None and entry.modified_ns // NANO <= since


def range_applies(headers: Mapping[str, str], entry: Entry) -> bool:
    """Whether a Range is meant for the file as it is: If-Range (RFC 9110, 13.1.5) is absent or names it."""
    value = headers.get("if-range")
    if value is None:
        return True
    if _ETAG.fullmatch(value.strip()):
        return _matches(value, entry, weak=False)
    return _seconds(value) == entry.modified_ns // NANO


def parse_if(value: str) -> list[ConditionList]:
    """The If header. `Invalid` where it is not of the grammar of RFC 4918, 10.4.2."""
    lists: list[ConditionList] = []
    resource: str | None = None
    conditions: list[Condition] | None = None  # None: outside of parentheses
    negated = False
    for reference, opening, closing, no, etag in _tokens(value):
        if opening and conditions is None:
            conditions = []
        elif closing and conditions and not negated:
            lists.append(ConditionList(resource, tuple(conditions)))
            conditions = None
        elif no and conditions is not None and not negated:
            negated = True
        elif conditions is not None and (reference or etag):
            conditions.append(Condition(negated, reference, etag))
            negated = False
        elif conditions is None and reference and (resource is not None or not lists):
            resource = reference
        else:
            raise Invalid("The If header is not understood.")
    if conditions is not None or not lists:
        raise Invalid("The If header is not understood.")
    return lists


def _tokens(value: str) -> Iterator[tuple[str | None, ...]]:
    position, end = 0, len(value.rstrip())
    while position < end:
        match = _TOKEN.match(value, position)
        if match is None:
            raise Invalid("The If header is not understood.")
        position = match.end()
        yield match.groups()


async def _holds(call: Call, alternative: ConditionList) -> bool:
    path, entry = call.path, call.entry
    if alternative.resource is not None:
        try:
            path = call.locate(alternative.resource)
        except (Forbidden, Invalid, PeerError):  # nothing of ours: it has neither lock nor ETag
            return all(condition.negated for condition in alternative.conditions)
        entry = await call.look(path)
    place = call.place(entry.path if entry else path)
    around = await call.database.read(partial(locks.around, account=call.tree.account, path=place, below=False))
    states = {lock.token for lock in around if lock.covers(place)}
    if entry is not None:
        states.add(f'"{entry.etag}"')
    return all(
        ((condition.token or condition.etag) in states) != condition.negated for condition in alternative.conditions
    )


def _check(call: Call, tokens: Collection[str], changes: Sequence[Change], tx: Tx) -> None:
    for change in changes:
        locks.check(
            tx,
            call.tree.account,
            call.place(change.path),
            tokens,
            principal=call.principal,
            member=change.member,
            deep=change.deep,
        )


def _http_conditions_hold(call: Call) -> bool:
    """If-Match, else If-Unmodified-Since; then If-None-Match, which for GET and HEAD means 304 (`not_modified`)."""
    headers, entry = call.request.headers, call.entry
    expected, unexpected = headers.get("if-match"), headers.get("if-none-match")
    if expected is not None:
        if not _matches(expected, entry, weak=False):
            return False
    elif entry is not None:
        since = _seconds(headers.get("if-unmodified-since"))
        if since is not None and entry.modified_ns // NANO > since:
            return False
    return unexpected is None or call.request.method in ("GET", "HEAD") or not _matches(unexpected, entry, weak=True)


def _matches(value: str, entry: Entry | None, *, weak: bool) -> bool:
    if entry is None:
        return False
    if value.strip() == "*":
        return True
    return any(tag == entry.etag and (weak or not is_weak) for is_weak, tag in _ETAG.findall(value))


def _seconds(value: str | None) -> int | None:
    """An HTTP date in unix seconds; None where there is none or it is not understood, and so is ignored."""
    if value is None:
        return None
    try:
        return int(parsedate_to_datetime(value).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
