"""Who goes, and what goes with them: a person of ours with their account, or another server with all that was shared.

All of it happens in one transaction, so nothing opens for somebody who has gone. What ends otherwise ends where it
lives: a share in `shares` and `received`, with its file in `Context`. A contact that is removed ends no share, here or
there: an address book is not what is shared. And a server that is denied (`ocm peer deny`) loses nothing: its shares
open no more while it is denied, and open again when it is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import accounts, asked, audit, contacts, news, outbox, peers, received, share_requests, shares
from opencloudmesh.server.database import Tx

PERSON_GONE = Sentence("The account was removed.")
SERVER_PURGED = Sentence("The operator ended everything with this server.")


@dataclass(frozen=True, slots=True)
class Ended:
    """How much has ended that was in force. `messages` are those that will not be sent any more."""

    shares: int
    received: int
    requests: int
    messages: int
    contacts: int


def person(tx: Tx, account: str) -> None:
    """One of our people goes: everybody whom it concerns is told, and the account is removed. Raises `NotFound`.

    Their shares end with a notice to each recipient's server, what they received with one to its sender's, and the
    servers of those with whom they exchanged invites hear that there is no such person. Links, requests, tokens,
    sessions and everything else of theirs go with the account; what becomes of their files, `remains` says.
    """
    accounts.get(tx, account)
    _end_shares(tx, shares.listing(tx, account), PERSON_GONE)
    _end_received(tx, received.listing(tx, account), PERSON_GONE)
    contacts.remove_everybody(tx, account)
    accounts.remove(tx, account)


def server(tx: Tx, host: str, *, with_contacts: bool = False, by: str = "") -> Ended:
    """Everything with another server ends at once, whether or not it is still there, and it is told nothing.

    What we shared with people there opens no more, what they shared is gone from our people's trees, requests of
    theirs are refused, nothing that was to be told is told, and what is known of the server is forgotten. Contacts
    there stay in our people's address books unless told otherwise. What is decided about it in `rules` stays too.
    """
    messages = outbox.drop_host(tx, host)
    given, taken = shares.listing(tx, host=host), received.listing(tx, host=host)
    ended = Ended(
        shares=_end_shares(tx, given, SERVER_PURGED, says=news.MY_CUT),
        received=_end_received(tx, taken, SERVER_PURGED),
        requests=share_requests.refuse_host(tx, host),
        messages=messages,
        contacts=contacts.forget_host(tx, host) if with_contacts else 0,
    )
    for row in taken:
        if row.state in received.OPEN:
            received.inform(tx, row, news.CUT)
    asked.refuse_host(tx, host, SERVER_PURGED)
    outbox.drop_host(tx, host)  # what the ends above would tell
    peers.lose(tx, host)
    audit.record(tx, "peer", "here", host=host, reason=SERVER_PURGED, by=by)
    return ended


def _end_shares(tx: Tx, rows: list[shares.Row], reason: str, says: str | None = None) -> int:
    for row in rows:
        shares.end(tx, row, says=says)
    live = [row for row in rows if row.state in shares.IN_FORCE]
    for row in live:
        _record(tx, row, row.owner, row.share_with, reason)
    return len(live)


def _end_received(tx: Tx, rows: list[received.Row], reason: str) -> int:
    for row in rows:
        received.remove(tx, row.id)
    still_open = [row for row in rows if row.state in received.OPEN]
    for row in still_open:
        _record(tx, row, row.account, row.sender, reason)
    return len(still_open)


def _record(tx: Tx, row: shares.Row, account: str, who: str, reason: str) -> None:
    audit.record(tx, "share", "here", host=row.host, account=account, who=who, subject=row.id, reason=reason)
