"""News by mail: who gets a digest, when, and what is in it."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import NOW, Office

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server import accounts, digests, news, outbox
from opencloudmesh.server.digests import DIGEST, NONE, SETTLES

HOUR = 3_600


@pytest.fixture
def office(database_url):
    """Both have an e-mail address."""
    office = Office(database_url)
    with closing(office.database):
        for who in ("einstein", "lise"):
            office.do(digests.choose, who, email=f" {who}@mail.example ", mail=DIGEST)
        yield office


def tell(office, subject="s1", account="einstein"):
    office.do(news.tell, account, news.OFFERED, subject=subject)


def made(office):
    """For whom a mail waits, after the worker has looked."""
    office.do(digests.make, every=HOUR)
    return [row.message["digest"] for row in office.see(outbox.everything)]


def deliver(office, account="einstein", error=None):
    """The worker has sent what waits for a person; what was in it."""
    _, rows = office.see(digests.contents, account)
    office.do(digests.sent, account, "mail", rows[0].id, error)
    office.deliver()
    return [row.subject for row in rows]


def test_news_are_mailed_when_they_have_settled(office):
    tell(office)
    office.now += SETTLES - 1
    assert made(office) == []
    office.now += 1
    assert made(office) == made(office) == ["einstein"]
    (row,) = office.see(outbox.everything)
    assert (row.kind, row.host) == (outbox.MAIL, "")
    assert len(row.subject) <= 36


def test_there_is_at_most_one_in_the_interval_with_all_that_came_meanwhile(office):
    tell(office)
    office.now += SETTLES
    assert made(office) == ["einstein"]
    tell(office, "s2")  # while it waits
    assert deliver(office) == ["s2", "s1"]
    tell(office, "s3")
    tell(office, "s4")
    office.now += HOUR - 1
    assert made(office) == []
    office.now += 1
    assert made(office) == ["einstein"]
    assert deliver(office) == ["s4", "s3"]
    office.now += 2 * HOUR
    assert made(office) == []


def test_while_the_mail_server_is_away_one_waits(office):
    tell(office)
    office.now += SETTLES
    made(office)
    for _ in range(3):
        office.now += HOUR
        tell(office, f"s{office.now}")
        assert made(office) == ["einstein"]
    assert len(deliver(office)) == 4


def no_address(office):
    office.do(digests.choose, "einstein", email="")


def no_mail(office):
    office.do(digests.choose, "einstein", mail=NONE)


def read(office):
    office.do(news.mark_all, "einstein")


def gone(office):
    office.do(accounts.remove, "einstein")


@pytest.mark.parametrize("happens", [no_address, no_mail, read, gone])
def test_nothing_is_mailed_to_who_does_not_want_or_need_it(office, happens):
    tell(office)
    tell(office, account="lise")
    office.now += SETTLES
    assert made(office) == ["einstein", "lise"]
    happens(office)
    assert office.see(digests.contents, "einstein") is None
    assert len(office.see(digests.contents, "lise")[1]) == 1
    office.deliver()
    office.now += HOUR
    assert made(office) == ["lise"]


def test_what_was_refused_is_not_tried_again_but_seen(office):
    tell(office)
    office.now += SETTLES
    made(office)
    deliver(office, error="There is no such mailbox.")
    office.now += HOUR
    assert made(office) == []
    assert office.see(digests.choice, "einstein").mail_error == "There is no such mailbox."
    office.do(digests.choose, "einstein", email="albert@mail.example")
    assert office.see(digests.choice, "einstein").mail_error is None


def test_everybody_gets_a_digest_until_they_say_otherwise(office):
    office.do(lambda tx: accounts.add(tx, "marie", "hash", email="marie@mail.example"))
    assert tuple(office.see(digests.choice, "marie")) == ("marie@mail.example", DIGEST, None, "")
    assert office.do(digests.choose, "marie", mail=NONE).mail == NONE
    assert office.do(digests.choose, "marie", email="").mail == NONE


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"email": "marie"}, ["email"]),
        ({"email": "a@b.example\nBcc: c@d.example"}, ["email"]),
        ({"mail": "often"}, ["mail"]),
        ({"mail": "", "email": "x"}, ["email", "mail"]),
    ],
)
def test_what_cannot_be_set_is_refused_as_a_whole(office, said, wrong):
    before = office.everything()
    with pytest.raises(Invalid) as refused:
        office.do(digests.choose, "einstein", **said)
    assert [field.name for field in refused.value.fields] == wrong
    assert office.everything() == before


def test_news_that_are_told_again_are_mailed_again(office):
    tell(office)
    office.now += SETTLES
    made(office)
    deliver(office)
    office.now = NOW + 2 * HOUR
    tell(office)
    office.now += SETTLES
    assert made(office) == ["einstein"]
