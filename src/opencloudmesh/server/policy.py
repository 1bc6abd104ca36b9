"""Who may talk to us and to whom we talk: the one place where it is decided.

What the operator says of one server, or of all below a domain, is a row of `rules` and comes first; the most specific
one wins. Everybody else is let through on the grounds that the policy of that direction names, tried in the order of
`GROUNDS`; without any, nobody is. What is stored and not understood counts as the strictest. Both are read in the
transaction of every decision, so a change counts at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Forbidden, Invalid, NotFound, Unauthenticated
from opencloudmesh.protocol.obligations import Tokens
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, contacts, directories, peers
from opencloudmesh.server.audit import Direction
from opencloudmesh.server.database import Tx
from opencloudmesh.server.rules import DENY, any_says, rule_for
from opencloudmesh.server.schema import policy

# Why a server, or a person there, is let through; kept with what they send.
ALLOWED, DIRECTORY, INVITED, STRANGER, ANYBODY = "allowed", "directory", "invited", "stranger", "anybody"
GROUNDS = (DIRECTORY, INVITED, STRANGER, ANYBODY)
REQUIRED, EXPECTED, OPTIONAL = "required", "expected", "optional"
SIGNATURES = (REQUIRED, EXPECTED, OPTIONAL)
TOKENS = ALWAYS, POSSIBLE, DEMANDED = "always", "possible", "demanded"


class Knob(NamedTuple):
    """Something that the operator decides about all servers. `strictest` is what nonsense counts as."""

    default: tuple[str, ...]
    words: tuple[str, ...]
    strictest: tuple[str, ...]
    help: str

    @property
    def one(self) -> bool:
        """Whether it is one word, and not any number of them."""
        return bool(self.strictest)


KNOBS: Mapping[str, Knob] = {
    "incoming": Knob(
        (DIRECTORY, INVITED, STRANGER),
        GROUNDS,
        (),
        "Who may share with people here, besides servers that are allowed: `directory` members of the directories, "
        "`invited` people with whom an invite was exchanged, `stranger` everybody else with a warning, `anybody` "
        "everybody without one.",
    ),
    "outgoing": Knob((ANYBODY,), GROUNDS, (), "With whom people here may share; the same words."),
    "signatures": Knob(
        (EXPECTED,),
        SIGNATURES,
        (REQUIRED,),
        "Whose messages are taken: `required` only signed ones; `expected` unsigned ones too, from servers that "
        "publish no key and have never signed; `optional` from anybody.",
    ),
    "tokens": Knob(
        (DEMANDED,),
        TOKENS,
        (ALWAYS,),
        "When what people here share opens with short-lived tokens alone: `always`, and nothing is shared with servers "
        "that cannot exchange them; where it is `possible`; or where the other server has `demanded` it.",
    ),
    "accept": Knob(
        (),
        (ALLOWED, DIRECTORY, INVITED),
        (),
        "Whose shares are accepted without asking the person: `allowed` servers, `directory` members, people who were "
        "`invited`.",
    ),
}


class Decision(NamedTuple):
    """Whether somebody is let through: `trust` says on which grounds, None that they are not, for that `reason`."""

    trust: str | None
    reason: str = ""
    blocked: bool = False  # by the person, whose own affair that is


UNSAID = Sentence("This is not taken here.")  # to whoever a person has blocked


class Denied(Forbidden):
    """The policy says no. `record` is what the audit trail is told once the transaction is undone."""

    def __init__(self, reason: str, event: str, direction: Direction, *, said: str = "", **refused: str) -> None:
        """`said`: what is told instead of the reason."""
        super().__init__(said or reason)
        self._row = (event, direction, {"reason": reason, **refused})

    def record(self, tx: Tx) -> None:
        """A row in the audit trail."""
        event, direction, refused = self._row
        audit.record(tx, event, direction, "refused", **refused)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is in force for all servers: for each of `KNOBS` its words."""

    words: Mapping[str, frozenset[str]]

    @property
    def signatures(self) -> str:
        """How it is with messages that are not signed: "required", "expected" or "optional"."""
        (word,) = self.words["signatures"]
        return word

    @property
    def tokens(self) -> Tokens:
        """When what is shared opens with tokens alone."""
        return next(word for word in get_args(Tokens) if word in self.words["tokens"])

    def grounds(self, direction: Direction) -> frozenset[str]:
        """On which grounds others are let through."""
        return self.words["incoming" if direction == "in" else "outgoing"]


_STORED = sa.select(policy)


def current(tx: Tx) -> Policy:
    """The policy in force."""
    stored = {row.name: row.value for row in tx.all(_STORED)}
    return Policy({name: frozenset(_words(knob, stored.get(name, knob.default))) for name, knob in KNOBS.items()})


def criteria(tx: Tx) -> tuple[str, ...]:
    """What our discovery document says that we demand (IETF-OCM, "Criteria")."""
    in_force = current(tx)
    incoming = in_force.grounds("in")
    closed = not incoming & {STRANGER, ANYBODY}
    demands = {
        "must-use-http-sig": in_force.signatures == REQUIRED,
        "must-invite": incoming == {INVITED},  # with other grounds beside it, an invite is not a must
        "allowlist": closed and incoming != {INVITED},
        "denylist": any_says(tx, "incoming", DENY),
    }
    return tuple(name for name, demanded in demands.items() if demanded)


def put(tx: Tx, name: str, words: tuple[str, ...], *, by: str = "") -> None:
    """The operator decides. No words: nobody. Raises `NotFound`, `Invalid`."""
    knob = KNOBS.get(name)
    if knob is None:
        raise NotFound("The policy has no {name!r}; it has {names}.", name=name, names=", ".join(KNOBS))
    if not set(words) <= set(knob.words) or (knob.one and len(words) != 1):
        known = ", ".join(knob.words)
        raise (
            Invalid("Write one of: {words}.", words=known)
            if knob.one
            else Invalid("Write any of: {words}.", words=known)
        )
    tx.upsert(policy, {"name": name}, {"value": list(dict.fromkeys(words))})
    audit.record(tx, "policy", "here", reason=f"{name}: {', '.join(words) or 'nobody'}", by=by)


def decide(tx: Tx, direction: Direction, host: str, *, account: str, address: str, invited: bool = False) -> Decision:
    """Whether a person at `host` may deal with the account. `invited`: that they hold an invite is known already."""
    said = rule_for(tx, host).said(direction)
    if said == DENY:
        return Decision(None, _denial(host))
    known = contacts.standing(tx, account, address)
    if known.blocked:
        return Decision(None, _blocked(address), blocked=True)
    if said is not None:
        return Decision(ALLOWED)
    wanted = current(tx).grounds(direction)
    for ground in GROUNDS:
        if ground in wanted and _holds(tx, ground, host, invited or known.invited):
            return Decision(ground)
    if INVITED in wanted:
        return Decision(
            None,
            Sentence(
                "{host} is not among the servers with which this cloud shares; exchange an invite first.", host=host
            ),
        )
    return Decision(None, Sentence("{host} is not among the servers with which this cloud shares.", host=host))


def admit(
    tx: Tx, event: str, direction: Direction, host: str, *, account: str, address: str, invited: bool = False,
    verified: str = "",
) -> str:  # fmt: skip
    """The grounds on which somebody is let through. Raises `Denied`."""
    decision = decide(tx, direction, host, account=account, address=address, invited=invited)
    if decision.trust is None:
        who = {"host": host, "account": account, "who": address, "verified": verified}
        said = UNSAID if decision.blocked and direction == "in" else ""
        raise Denied(decision.reason, event, direction, said=said, **who)
    return decision.trust


def refuse_denied(tx: Tx, event: str, host: str, *directions: Direction) -> None:
    """For messages about what exists already, and before anybody is asked anything. Raises `Denied`."""
    rule = rule_for(tx, host)
    for direction in directions:
        if rule.said(direction) == DENY:
            raise Denied(_denial(host), event, direction, host=host)


def admit_offer(
    tx: Tx, sender: Address, told_of: Iterable[Address | None], *, account: str, verified: str
) -> str:  # fmt: skip
    """The grounds on which a share of the sender's is let through. Raises `Denied`.

    The sender tells of others too, its owner or who shared it on, who may be elsewhere. Of these nobody must be
    unwanted; that they are wanted is no grounds for anything, for nobody has proven that it is they.
    """
    for named in told_of:
        if named is not None and named.host != sender.host:
            who = {"host": named.host, "account": account, "who": str(named), "verified": verified}
            if rule_for(tx, named.host).said("in") == DENY:
                raise Denied(_denial(named.host), "share", "in", **who)
            if contacts.standing(tx, account, str(named)).blocked:
                raise Denied(_blocked(str(named)), "share", "in", said=UNSAID, **who)
    return admit(tx, "share", "in", sender.host, account=account, address=str(sender), verified=verified)


def standing(tx: Tx, direction: Direction, host: str) -> str:
    """What is to be said of a server in a list: "allow", "deny", or the grounds on which the policy takes anybody."""
    wanted = current(tx).grounds(direction)
    return rule_for(tx, host).said(direction) or ",".join(word for word in GROUNDS if word in wanted) or "nobody"


def accepts(tx: Tx, trust: str) -> bool:
    """Whether a share that was let in on these grounds is accepted without asking the person."""
    return trust in current(tx).words["accept"]


def signatures_of(tx: Tx, host: str) -> str:
    """How it is with unsigned messages of a server: "required", "expected" or "optional"."""
    return rule_for(tx, host).signatures or current(tx).signatures


def takes_unsigned(tx: Tx) -> bool:
    """Whether an unsigned message may be taken at all, from whomever."""
    return current(tx).signatures != REQUIRED or any_says(tx, "signatures", EXPECTED, OPTIONAL)


def check_unsigned(tx: Tx, host: str) -> None:
    """For an unsigned message that is known by a share's secret to be from `host`. Raises `Unauthenticated`."""
    mode, peer = signatures_of(tx, host), peers.get(tx, host)
    if mode == REQUIRED or (mode == EXPECTED and peer is not None and peer.signs):
        raise Unauthenticated("{host} signs its messages, and this one is not signed.", host=host)


def _words(knob: Knob, stored: Any) -> tuple[str, ...]:
    understood = isinstance(stored, (list, tuple)) and all(word in knob.words for word in stored)
    if not understood or (knob.one and len(stored) != 1):
        return knob.strictest
    return tuple(stored)


def _holds(tx: Tx, ground: str, host: str, invited: bool) -> bool:
    if ground == DIRECTORY:
        return directories.is_member(tx, host) is not None
    return ground != INVITED or invited


def _denial(host: str) -> Sentence:
    return Sentence("The operator of this cloud does not allow contact with {host}.", host=host)


def _blocked(address: str) -> Sentence:
    return Sentence("{address} is blocked here.", address=address)
