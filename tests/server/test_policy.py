"""Who is let through: each ground alone, rules before the policy, nonsense counts as the strictest."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa
from tests.server import rows
from tests.server.offices import MARIE, NOW, THERE, Office

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Forbidden, Invalid, NotFound, Unauthenticated
from opencloudmesh.server import audit, contacts, policy, rules, schema
from opencloudmesh.server.policy import ALLOWED, ANYBODY, DIRECTORY, GROUNDS, INVITED, STRANGER, Denied

DIRECTIONS = {"in": "incoming", "out": "outgoing"}
EVERY_SET = [words for size in range(len(GROUNDS) + 1) for words in itertools.combinations(GROUNDS, size)]
BOTH = pytest.mark.parametrize("direction", DIRECTIONS)


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    yield office
    office.database.close()


def trust(office, direction, host=THERE, **more):
    return office.see(policy.decide, direction, host, account="einstein", address=str(MARIE), **more).trust


def listed(tx):
    rows.insert(tx, schema.directories, url="https://d.example", keys=[], due=0)
    rows.insert(tx, schema.members, directory="https://d.example", host=THERE, url=f"https://{THERE}")


def meet(tx, source=contacts.INVITE):
    contacts.meet(tx, "einstein", MARIE, source=source)


@BOTH
@pytest.mark.parametrize(
    "grounds", [c for size in range(5) for c in itertools.combinations(GROUNDS, size)], ids=",".join
)
@pytest.mark.parametrize("known", [(), (DIRECTORY,), (INVITED,), (DIRECTORY, INVITED)], ids=",".join)
def test_somebody_is_let_through_on_the_first_ground_that_holds_and_no_other(office, direction, grounds, known):
    office.do(policy.put, DIRECTIONS[direction], grounds)
    for fact in known:
        office.do({DIRECTORY: listed, INVITED: meet}[fact])
    holding = [ground for ground in GROUNDS if ground in grounds and (ground in known or ground in (STRANGER, ANYBODY))]
    assert trust(office, direction) == (holding[0] if holding else None)


@BOTH
def test_an_empty_policy_lets_nobody_through(office, direction):
    office.do(policy.put, DIRECTIONS[direction], ())
    office.do(meet)
    office.do(listed)
    assert trust(office, direction) is None
    assert trust(office, direction, invited=True) is None


@BOTH
@pytest.mark.parametrize("stored", [None, "anybody", ["everyone"], {"anybody": 1}, 7, ["anybody", "everyone"]])
def test_what_is_stored_and_not_understood_counts_as_the_strictest(office, direction, stored):
    for name in policy.KNOBS:
        office.do(lambda tx, name=name: tx.run(schema.policy.insert().values(name=name, value=stored)))
    assert trust(office, direction) is None
    in_force = office.see(policy.current)
    assert (in_force.signatures, in_force.words["accept"]) == (policy.REQUIRED, frozenset())


def test_the_default_is_open_with_a_warning(office):
    assert (trust(office, "in"), trust(office, "out")) == (STRANGER, ANYBODY)
    assert office.see(policy.criteria) == ()


def test_a_known_address_of_another_person_is_no_invite(office):
    office.do(policy.put, "incoming", (INVITED,))
    office.do(lambda tx: contacts.meet(tx, "lise", MARIE, source=contacts.INVITE))
    office.do(meet, contacts.DIRECT)
    assert trust(office, "in") is None
    assert trust(office, "in", invited=True) == INVITED


@pytest.mark.parametrize("identifier", ["dTFAaHR0cHM6Ly90aGVyZS5leGFtcGxl", "u1@https://there.example"])
def test_who_was_invited_is_known_however_their_server_spells_them(office, identifier):
    office.do(policy.put, "incoming", (INVITED,))
    office.do(lambda tx: contacts.meet(tx, "einstein", Address(identifier, THERE), source=contacts.INVITE))

    def decided(address):
        return office.see(policy.decide, "in", THERE, account="einstein", address=str(address)).trust

    assert decided(Address("u1", THERE)) == INVITED
    assert [decided(address) for address in (Address("u2", THERE), Address("u1", "other.example"), MARIE)] == [None] * 3
    office.do(lambda tx: tx.run(schema.contacts.update().values(blocked=True)))
    office.do(policy.put, "incoming", (ANYBODY,))
    assert [decided(address) for address in (Address("u1", THERE), MARIE)] == [None, ANYBODY]


@BOTH
@pytest.mark.parametrize("name", ["Nonsense", "", "incoming "])
def test_only_what_the_policy_has_can_be_set(office, direction, name):
    with pytest.raises(NotFound):
        office.do(policy.put, name, ())
    with pytest.raises(Invalid):
        office.do(policy.put, DIRECTIONS[direction], ("everybody",))
    for words in ((), ("required", "optional")):
        with pytest.raises(Invalid):
            office.do(policy.put, "signatures", words)
    assert office.all(schema.policy) == []
    assert office.audited() == []


@BOTH
@pytest.mark.parametrize(
    ("decided", "host", "said"),
    [
        ({THERE: "deny"}, THERE, "deny"),
        ({THERE: "allow"}, THERE, "allow"),
        ({THERE: "deny"}, "other.example", None),
        ({"*.example": "deny"}, THERE, "deny"),
        ({"*.example": "deny"}, "a.b.example", "deny"),
        ({"*.example": "deny"}, "example", None),
        ({"*.example": "deny"}, "notexample", None),
        ({"*.example": "deny"}, "there.example.org", None),
        ({"*.example": "deny", THERE: "allow"}, THERE, "allow"),
        ({"*": "deny", "*.example": "allow"}, THERE, "allow"),
        ({"*": "deny", "*.b.example": "deny", "*.example": "allow"}, "a.b.example", "deny"),
        ({"*": "deny"}, "[2001:db8::1]:8443", "deny"),
        # Another port of a machine may be somebody else's: denied with it, and not allowed with it.
        ({THERE: "deny"}, THERE + ":8443", "deny"),
        ({THERE: "allow"}, THERE + ":8443", None),
        ({THERE + ":8443": "allow"}, THERE + ":8443", "allow"),
        ({THERE + ":8443": "deny"}, THERE, None),
        ({THERE: "deny", THERE + ":8443": "allow"}, THERE + ":8443", "allow"),
        ({"*.example": "allow"}, THERE + ":8443", "allow"),
    ],
)
def test_the_most_specific_rule_counts(office, direction, decided, host, said):
    for pattern, word in decided.items():
        office.do(rules.put, pattern, **{DIRECTIONS[direction]: word})
    assert office.see(rules.rule_for, host).said(direction) == said
    other = "out" if direction == "in" else "in"
    assert office.see(rules.rule_for, host).said(other) is None


@BOTH
def test_a_rule_comes_before_the_policy(office, direction):
    office.do(policy.put, DIRECTIONS[direction], ())
    office.do(rules.put, THERE, **{DIRECTIONS[direction]: "allow"})
    assert trust(office, direction) == ALLOWED
    office.do(policy.put, DIRECTIONS[direction], GROUNDS)
    office.do(rules.put, THERE, **{DIRECTIONS[direction]: "deny"})
    office.do(meet)
    assert trust(office, direction, invited=True) is None
    with pytest.raises(Denied):
        office.see(policy.refuse_denied, "peer", THERE, direction)
    with pytest.raises(Denied):
        office.see(policy.refuse_denied, "peer", THERE, *DIRECTIONS)
    office.see(policy.refuse_denied, "peer", "other.example", *DIRECTIONS)
    office.do(rules.drop, THERE)
    assert trust(office, direction) is not None
    with pytest.raises(NotFound):
        office.do(rules.drop, THERE)


def test_a_pattern_is_stored_as_hosts_are_written(office):
    for written in ("https://There.Example/", "THERE.example:443", "there.example."):
        assert office.do(rules.put, written, incoming="deny") == THERE
    assert office.do(rules.put, "*.Example", incoming="deny") == "*.example"
    for nonsense in ("", "*.", "a*.example", "*.*", "**", "a b", "host:99999"):
        with pytest.raises(Invalid):
            office.do(rules.put, nonsense, incoming="deny")
    assert [row.pattern for row in office.see(rules.listing)] == ["*.example", THERE]


def test_whom_a_person_blocks_is_refused_even_where_the_server_is_allowed(office):
    office.do(meet)
    office.do(lambda tx: tx.run(schema.contacts.update().values(blocked=True)))
    office.do(rules.put, THERE, incoming="allow")
    assert trust(office, "in") is None
    assert office.see(policy.decide, "in", THERE, account="lise", address=str(MARIE)).trust == ALLOWED


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("mode", [*policy.SIGNATURES, None])
@pytest.mark.parametrize("of_all", policy.SIGNATURES)
def test_unsigned_messages_are_taken_as_the_mode_of_the_peer_says(office, of_all, mode, signs):
    office.do(policy.put, "signatures", (of_all,))
    if mode:
        office.do(rules.put, THERE, signatures=mode)
    office.do(lambda tx: rows.insert(tx, schema.peers, host=THERE, signs=signs))
    in_force = mode or of_all
    refused = in_force == policy.REQUIRED or (in_force == policy.EXPECTED and signs)
    if refused:
        with pytest.raises(Unauthenticated):
            office.see(policy.check_unsigned, THERE)
    else:
        office.see(policy.check_unsigned, THERE)
    assert office.see(policy.takes_unsigned) == (
        of_all != policy.REQUIRED or mode in (policy.EXPECTED, policy.OPTIONAL)
    )


@pytest.mark.parametrize(
    ("incoming", "shown"),
    [
        ((), ("allowlist",)),
        ((DIRECTORY,), ("allowlist",)),
        ((INVITED,), ("must-invite",)),
        ((DIRECTORY, INVITED), ("allowlist",)),
        ((STRANGER,), ()),
        ((INVITED, ANYBODY), ()),
    ],
)
def test_what_is_demanded_is_shown(office, incoming, shown):
    office.do(policy.put, "incoming", incoming)
    assert office.see(policy.criteria) == shown
    office.do(policy.put, "signatures", (policy.REQUIRED,))
    office.do(rules.put, "bad.example", incoming="deny")
    assert office.see(policy.criteria) == ("must-use-http-sig", *shown, "denylist")


def test_what_is_decided_is_in_the_audit_trail_without_the_certificate(office):
    office.do(policy.put, "incoming", (INVITED,))
    office.do(rules.put, THERE, ca="-----BEGIN CERTIFICATE-----", private=True)
    office.do(rules.drop, THERE)
    assert [(row.host, row.reason) for row in office.all(schema.audit)] == [
        ("", "incoming: invited"),
        (THERE, "ca: set, private: True"),
        (THERE, "no rule any more"),
    ]


def test_a_refusal_is_recorded_by_what_it_raises(office):
    office.do(policy.put, "incoming", ())
    with pytest.raises(Denied) as caught:
        office.do(policy.admit, "share", "in", THERE, account="einstein", address=str(MARIE), verified="rfc9421")
    assert isinstance(caught.value, Forbidden)
    assert len(office.all(schema.audit)) == 1  # the policy
    for _ in range(3):
        office.do(caught.value.record)
    row = office.all(schema.audit)[-1]
    assert (row.event, row.direction, row.outcome, row.host, row.account, row.who, row.verified, row.count) == (
        "share", "in", "refused", THERE, "einstein", str(MARIE), "rfc9421", 3
    )  # fmt: skip
    assert row.reason == caught.value.message


def test_the_same_refusal_is_one_row_an_hour_and_anything_else_its_own(office):
    def refused(**more):
        office.do(audit.record, "share", "in", "refused", host=THERE, **more)

    refused()
    refused(who="marie@there.example")
    office.now = NOW + audit.SAME_AGAIN - 1
    refused()
    office.now += audit.SAME_AGAIN
    refused()
    office.do(audit.record, "share", "in", host=THERE)
    office.do(audit.record, "share", "in", host=THERE)
    counts = [row.count for row in office.see(audit.listing)]
    assert sorted(counts) == [1, 1, 1, 1, 2]


def test_the_trail_is_listed_by_what_is_wanted_and_kept_for_a_year(office):
    office.do(audit.record, "share", "in", host=THERE, account="einstein")
    office.now += 10
    office.do(audit.record, "invite", "out", host="other.example", account="lise")
    assert [row.event for row in office.see(audit.listing)] == ["share", "invite"]
    assert [row.event for row in office.see(audit.listing, limit=1)] == ["invite"]
    for wanted in ({"host": "other.example"}, {"account": "lise"}, {"event": "invite"}, {"since": NOW + 1}):
        assert [row.event for row in office.see(audit.listing, **wanted)] == ["invite"]
    office.now = NOW + audit.LIFETIME + 5
    office.do(audit.purge)
    assert [row.event for row in office.see(audit.listing)] == ["invite"]
    assert office.see(lambda tx: tx.one(sa.select(sa.func.count()).select_from(schema.audit)))[0] == 1
