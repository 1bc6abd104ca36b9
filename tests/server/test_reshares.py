"""Sharing on, at the owner's server: who may ask for it, what they get, and how it ends (DESIGN rule 8)."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, NOW, THERE, Office

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotSupported,
    TooManyRequests,
    Unreachable,
)
from opencloudmesh.protocol.notifications import Notification
from opencloudmesh.protocol.protocols import Protocols, WebDav
from opencloudmesh.server import (
    contacts,
    news,
    notifications,
    operators,
    outbox,
    outcomes,
    received,
    reshares,
    rules,
    schema,
    shares,
    tokens,
)
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.policy import Denied

THIRD = "third.example"
FRITZ = f"fritz@{THIRD}"
ASK, UNDO, CHANGE = "REQUEST_RESHARE", "RESHARE_UNDO", "RESHARE_CHANGE_PERMISSION"
ALL = frozenset({"read", "write", "share"})
ALL_GIVEN = Protocols("multi", webdav=WebDav("x", "sesame", ALL))


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def say(office, kind, provider_id, *, secret="", signed_by=THERE, **content):
    notification = Notification(kind, "folder", provider_id, secret, content)
    return office.do(notifications.receive, notification, own_host=HERE, signed_by=signed_by, verified="rfc9421")


def ask(office, parent, *, to=FRITZ, **more):
    return say(office, ASK, parent.id, **{"shareWith": to, "senderId": "77" if to == FRITZ else f"77 {to}", **more})


def refuse(office, error, gesture, *words, **named):
    before = office.everything()
    with pytest.raises(error) as caught:
        gesture(office, *words, **named)
    assert office.everything() == before
    return caught.value


def parent_of(office, **values):
    return office.offered(shares.ACCEPTED, **{"permissions": ALL, **values})


def child_of(office, parent, state=shares.ACCEPTED, **more):
    made = office.see(shares.get, ask(office, parent, **more)["providerId"])
    office._put(schema.shares, made.id, state)
    return office.see(shares.get, made.id)


def state_of(office, row):
    return office.see(shares.get, row.id).state


# Asking


def test_a_request_makes_a_share_of_its_owner_with_the_third_that_is_told_and_answers_both_spellings(office):
    parent = parent_of(office, expiration=NOW + 100)
    answer = ask(office, parent, shareType=6, message="Ask owner to reshare the file")
    row = office.see(shares.get, answer["providerId"])
    assert (row.owner, row.path, row.resource_type, row.state) == ("einstein", "a", "folder", "pending")
    assert (row.share_with, row.host, row.parent, row.shared_by) == (FRITZ, THIRD, parent.id, str(MARIE))
    assert (row.permissions, row.expiration, row.sender_id) == (sorted(ALL), NOW + 100, "77")
    assert row.secret != parent.secret
    assert answer == {
        "token": row.secret, "sharedSecret": row.secret, "providerId": row.id,
        "permissions": sorted(ALL), "expiration": NOW + 100,
    }  # fmt: skip
    assert office.told() == [(THIRD, "share", row.id)]
    assert office.audited()[-1] == ("share", "in", "done", THERE)
    (told,) = office.see(news.listing, "einstein")
    assert (told.event, told.who, told.subject) == (news.SHARED_ON, str(MARIE), row.id)


def test_less_can_be_asked_for(office):
    row = child_of(office, parent_of(office), permission=["read"], expiration=NOW + 5, description="Look.")
    assert (row.permissions, row.expiration, row.description) == (["read"], NOW + 5, "Look.")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"permission": ["read", "write"]}, "permissions"),
        ({"expiration": NOW + 101}, "expiration"),
        ({"expiration": NOW}, "expiration"),
    ],
)
def test_more_than_they_have_is_refused(office, more, field):
    parent = parent_of(office, permissions=frozenset({"read", "share"}), expiration=NOW + 100)
    error = refuse(office, Invalid, ask, parent, **more)
    assert [wrong.name for wrong in error.fields] == [field]


def test_asked_again_it_is_the_same_share(office):
    parent = parent_of(office)
    first = ask(office, parent)
    before = office.everything()
    assert ask(office, parent) == first
    assert office.everything() == before


@pytest.mark.parametrize(
    ("values", "error"),
    [({"permissions": frozenset({"read", "write"})}, Forbidden), ({"permissions": frozenset({"read"})}, Forbidden)],
)
def test_without_the_permission_nothing_is_shared_on(office, values, error):
    refuse(office, error, ask, parent_of(office, **values))


@pytest.mark.parametrize("state", [shares.DECLINED, shares.FAILED, shares.UNSHARED, shares.EXPIRED, shares.PASSED_ON])
def test_what_has_ended_is_not_shared_on(office, state):
    refuse(office, NotFound, ask, office.offered(state, permissions=ALL))


def test_what_has_run_out_is_not_shared_on_though_nobody_has_tidied_up_yet(office):
    parent = parent_of(office, expiration=NOW + 10)
    office.now += 10
    refuse(office, NotFound, ask, parent)


@pytest.mark.parametrize(
    "to",
    [f"einstein@{HERE}", f"einstein@https://{HERE}/", f"einstein@{HERE}@{HERE}", str(MARIE), f"marie@https://{THERE}"],
)
def test_nothing_is_shared_back(office, to):
    error = refuse(office, Conflict, ask, parent_of(office), to=to)
    assert "has it already" in error.message


def test_who_has_it_from_its_owner_is_not_given_it_again(office):
    parent = parent_of(office)
    office.offered(shares.ACCEPTED, share_with=Address("fritz", THIRD))
    refuse(office, Conflict, ask, parent)


@pytest.mark.parametrize("named", [{"signed_by": THIRD}, {"signed_by": None}, {"signed_by": None, "secret": "guess"}])
def test_nobody_but_the_recipients_server_asks(office, named):
    parent = parent_of(office)
    content = {"shareWith": FRITZ, "senderId": "77"}
    refuse(office, Forbidden, say, ASK, parent.id, **named, **content)
    refuse(office, NotFound, say, ASK, "no such", **named, **content)


def test_a_server_that_never_signs_proves_itself_by_the_secret(office):
    parent = parent_of(office)
    content = {"shareWith": FRITZ, "senderId": 77}
    answer = say(office, ASK, parent.id, signed_by=None, secret=parent.secret, **content)
    assert office.see(shares.get, answer["providerId"]).sender_id == "77"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"senderId": "1"}, Invalid),
        ({"shareWith": FRITZ}, Invalid),
        ({"shareWith": "fritz", "senderId": "1"}, Invalid),
        ({"shareWith": FRITZ, "senderId": "1", "permission": 15}, Invalid),
        ({"shareWith": FRITZ, "senderId": "1", "expiration": "never"}, Invalid),
        ({"shareWith": FRITZ, "senderId": "1", "shareType": 9}, NotSupported),
        ({"shareWith": FRITZ, "senderId": "1", "shareType": "group"}, NotSupported),
    ],
)
def test_a_request_that_is_not_complete_is_refused(office, content, error):
    refuse(office, error, say, ASK, parent_of(office).id, **content)


@pytest.mark.parametrize("host", [THERE, THIRD])
def test_the_operator_decides_about_both_servers(office, host):
    parent = parent_of(office)
    office.do(rules.put, host, outgoing=rules.DENY)
    refuse(office, Denied, ask, parent)


def test_whom_the_owner_has_blocked_is_given_nothing(office):
    parent = parent_of(office)
    row = office.do(contacts.meet, "einstein", Address.parse(FRITZ))
    office.do(contacts.block, "einstein", row.id)
    refuse(office, Denied, ask, parent)


def test_so_many_and_no_more(office, monkeypatch):
    monkeypatch.setattr(reshares, "MAX_CHILDREN", 2)
    monkeypatch.setattr(reshares, "MAX_DEPTH", 3)
    parent = parent_of(office)
    first = child_of(office, parent)
    ask(office, parent, to="b@third.example")
    refuse(office, TooManyRequests, ask, parent, to="c@third.example")
    second = say(office, ASK, first.id, signed_by=THIRD, shareWith="d@fourth.example", senderId="1")
    content = {"signed_by": "fourth.example", "shareWith": "e@fifth.example", "senderId": "1"}
    refuse(office, TooManyRequests, say, ASK, second["providerId"], **content)


# Ends

ENDS = {
    "unshared": lambda office, parent: office.do(shares.unshare, parent.id),
    "declined": lambda office, parent: say(office, "SHARE_DECLINED", parent.id),
    "expired": lambda office, _: office.do(shares.expire),
    "removed": lambda office, _: office.do(shares.path_removed, "einstein", "a"),
}


@pytest.mark.parametrize("end", ENDS)
def test_with_a_share_ends_all_that_was_shared_on_from_it_with_tokens_and_locks(office, end):
    parent = parent_of(office, expiration=NOW + 10)
    child = child_of(office, parent)
    grand = office.see(
        shares.get,
        say(office, ASK, child.id, signed_by=THIRD, shareWith="d@fourth.example", senderId="9")["providerId"],
    )
    office._put(schema.shares, grand.id, shares.ACCEPTED)  # else its server is told twice
    held = {"digest": "d", "share": child.id, "until": NOW + 300}
    office.do(lambda tx: tx.run(schema.tokens.insert().values(**held)))
    taken = {"token": "t", "account": "einstein", "path": "a", "principal": shares.principal(grand), "until": NOW + 60}
    office.do(locks_of, **taken)
    office.deliver()
    office.now += 10 if end == "expired" else 1
    ENDS[end](office, parent)
    assert state_of(office, child) == state_of(office, grand) == ("expired" if end == "expired" else "unshared")
    assert office.all(schema.tokens) == office.all(schema.locks) == []
    with pytest.raises(NotFound):
        office.see(tokens.opened_by, child.secret)
    told = office.told()
    for expected in ((THIRD, "SHARE_UNSHARED", child.id), ("fourth.example", "SHARE_UNSHARED", grand.id)):
        assert told.count(expected) == 1
    assert told.count((THERE, UNDO, parent.id)) == told.count((THIRD, UNDO, child.id)) == 1
    assert len([row for row in told if row[1] == "SHARE_UNSHARED"]) == (2 if end == "declined" else 3)


def locks_of(tx, **values):
    from tests.server import rows

    rows.insert(tx, schema.locks, **{name: value for name, value in values.items() if name in schema.locks.c})


def test_the_end_of_a_reshare_ends_nothing_else(office):
    parent = parent_of(office)
    child, other = child_of(office, parent), child_of(office, parent, to="b@third.example")
    office.do(shares.unshare, child.id)
    assert (state_of(office, parent), state_of(office, other)) == ("accepted", "accepted")
    assert sorted(office.told()) == sorted([(THIRD, "SHARE_UNSHARED", child.id), (THERE, UNDO, parent.id)])
    (message,) = [row.message for row in office.all(schema.outbox) if row.host == THERE]
    assert (message["provider_id"], message["secret"]) == ("77", child.secret)


def test_who_shared_it_on_takes_it_back(office):
    child = child_of(office, parent_of(office))
    say(office, UNDO, child.id)
    assert state_of(office, child) == "unshared"
    assert office.told() == [(THIRD, "SHARE_UNSHARED", child.id)]
    before = office.everything()
    say(office, UNDO, child.id)
    assert office.everything() == before


@pytest.mark.parametrize("named", [{"signed_by": THIRD}, {"signed_by": None, "secret": "guess"}, {"signed_by": None}])
@pytest.mark.parametrize("kind", [UNDO, CHANGE])
def test_nobody_else_takes_it_back_or_narrows_it(office, kind, named):
    child = child_of(office, parent_of(office))
    refuse(office, (Forbidden, NotSupported), say, kind, child.id, permission=["read"], **named)


def test_a_share_that_nobody_shared_on_is_not_taken_back(office):
    parent = parent_of(office)
    refuse(office, Forbidden, say, UNDO, parent.id)
    refuse(office, Forbidden, say, UNDO, parent.id, signed_by=None, secret=parent.secret)
    refuse(office, NotFound, say, UNDO, "no such")


def passed_on_by_us(office):
    """Of what marie shared with einstein: a share of his with fritz, for which her server could not be reached."""
    given = office.received(received.ACCEPTED, protocols=ALL_GIVEN)
    row = office.do(
        reshares.pass_on, owner="einstein", path=given.path, resource_type="folder", share_with=Address.parse(FRITZ),
        terms=Terms(permissions=ALL), own_host=HERE,
    )  # fmt: skip
    (waiting,) = [each for each in office.all(schema.outbox) if each.subject == row.id]
    assert (waiting.host, waiting.kind) == (THERE, outbox.RESHARE)
    office.do(lambda tx: outcomes.later(tx, waiting, Unreachable("not there")))
    office.now += outbox.GIVE_UP_AFTER
    office.do(lambda tx: outcomes.later(tx, waiting, Unreachable("not there")))
    assert state_of(office, row) == shares.FAILED
    return given, row, waiting


def test_what_could_not_be_asked_for_is_asked_for_again_as_narrow_as_it_may_be_by_now(office):
    given, row, waiting = passed_on_by_us(office)
    office.do(received.changed, given, frozenset({"read", "share"}), office.now + 50)
    office.do(operators.retry, waiting.id)
    after = office.see(shares.get, row.id)
    assert (after.state, after.permissions, after.expiration) == (shares.PENDING, ["read", "share"], office.now + 50)
    assert [each.kind for each in office.see(outbox.due) if each.subject == row.id] == [outbox.RESHARE]


@pytest.mark.parametrize("end", ["unshared", "read only", "shared anew"])
def test_and_not_where_it_may_not_be_any_more(office, end):
    given, row, waiting = passed_on_by_us(office)
    if end == "unshared":
        office.do(received.unshared, given)
    elif end == "read only":
        office.do(received.changed, given, frozenset({"read"}), None)
    else:
        terms = {"path": given.path, "resource_type": "folder", "share_with": Address.parse(FRITZ)}
        office.do(reshares.pass_on, owner="einstein", **terms, terms=Terms(), own_host=HERE)
    refuse(office, Conflict, lambda office: office.do(operators.retry, waiting.id))
    office.do(operators.drop, waiting.id)
    assert state_of(office, row) == shares.FAILED


# Narrower


def test_what_is_narrowed_is_narrowed_for_all_who_have_it_from_there_and_never_widened_again_by_that(office):
    parent = parent_of(office)
    child = child_of(office, parent)
    office.do(locks_of, token="t", account="einstein", path="a", principal=shares.principal(child), until=NOW + 60)
    office.do(shares.change, parent.id, permissions=frozenset({"read"}), expiration=NOW + 50)
    row = office.see(shares.get, child.id)
    assert (row.permissions, row.expiration, row.state) == (["read"], NOW + 50, "accepted")
    assert office.all(schema.locks) == []
    assert sorted(office.told()) == sorted([(THERE, CHANGE, parent.id), (THIRD, CHANGE, child.id)])
    office.do(shares.change, parent.id, permissions=ALL, expiration=None)
    row = office.see(shares.get, child.id)
    assert (row.permissions, row.expiration) == (["read"], NOW + 50)


def test_who_may_not_share_on_any_more_keeps_what_its_owner_sees(office):
    parent = parent_of(office)
    child = child_of(office, parent)
    office.do(shares.change, parent.id, permissions=frozenset({"read", "write"}))
    row = office.see(shares.get, child.id)
    assert (row.permissions, row.state) == (["read", "write"], "accepted")
    refuse(office, Forbidden, ask, parent, to="b@third.example")


def test_not_even_the_owner_makes_a_reshare_wider_than_what_it_was_shared_on_from(office):
    parent = parent_of(office, permissions=frozenset({"read", "share"}), expiration=NOW + 50)
    child = child_of(office, parent, permission=["read"])

    def change(office, **terms):
        return office.do(shares.change, child.id, **terms)

    refuse(office, Invalid, change, permissions=ALL)
    refuse(office, Invalid, change, expiration=NOW + 51)
    change(office, permissions=frozenset({"read", "share"}), expiration=None)
    row = office.see(shares.get, child.id)
    assert (row.permissions, row.expiration) == (["read", "share"], NOW + 50)


def test_who_shared_it_on_may_narrow_it(office):
    child = child_of(office, parent_of(office))
    say(office, CHANGE, child.id, permission=["read", "write"], expiration=NOW + 30)
    row = office.see(shares.get, child.id)
    assert (row.permissions, row.expiration) == (["read", "write"], NOW + 30)
    assert office.told() == [(THIRD, CHANGE, child.id), (THERE, CHANGE, child.parent)]  # as it is now


def test_what_the_owner_changed_meanwhile_stands(office):
    child = child_of(office, parent_of(office), expiration=NOW + 30)
    office.do(shares.change, child.id, permissions=frozenset({"read", "share"}))
    say(office, CHANGE, child.id, permission=["read", "write"], expiration=NOW + 40)
    row = office.see(shares.get, child.id)
    assert (row.permissions, row.expiration) == (["read"], NOW + 30)


@pytest.mark.parametrize("content", [{"permission": ["read", "write"]}, {"expiration": NOW + 31}, {"expiration": 0}])
@pytest.mark.parametrize("kind", [CHANGE, "SHARE_CHANGE_PERMISSION"])
def test_and_never_widen_it(office, kind, content):
    child = child_of(office, parent_of(office), permission=["read"], expiration=NOW + 30)
    refuse(office, Forbidden, say, kind, child.id, **content)
    refuse(office, Forbidden, say, kind, child.id, signed_by=None, secret=child.secret, **content)
