"""What people are told, as gestures."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import MARIE, NOW, Office

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import accounts, news, schema
from opencloudmesh.server.news import ACCEPTED, CHANGED, DECLINED, EVENTS, FAILING, MAX_ROWS, OFFERED

MARIES = str(MARIE)


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def tell(office, event=OFFERED, subject="s1", account="einstein", **values):
    office.do(news.tell, account, event, subject=subject, **{"who": MARIES, "name": "papers", **values})


def heard(office, account="einstein", **wanted):
    return [(row.event, row.subject) for row in office.see(news.listing, account, **wanted)]


def test_everything_that_is_told_has_a_sentence_that_can_be_made(office):
    for event in EVENTS.values():
        assert event.sentence.format(who="Marie", name="papers")


def test_a_person_is_told_and_nobody_else(office):
    tell(office, who_name="Marie Curie")
    (row,) = office.see(news.listing, "einstein")
    assert tuple(row)[1:] == ("einstein", OFFERED, "s1", MARIES, "Marie Curie", "papers", NOW, False, None)
    assert heard(office, "lise") == []
    assert (office.see(news.unread, "einstein"), office.see(news.unread, "lise")) == (1, 0)


def test_the_newest_is_first_also_at_the_same_moment(office):
    for subject in ("s1", "s2", "s3"):
        tell(office, subject=subject)
    assert heard(office) == [(OFFERED, "s3"), (OFFERED, "s2"), (OFFERED, "s1")]


def test_it_is_read_in_bounded_pages(office):
    for number in range(5):
        tell(office, subject=f"s{number}")
    page = office.see(news.listing, "einstein", limit=2)
    assert [row.subject for row in page] == ["s4", "s3"]
    assert heard(office, before=page[-1].id, limit=2) == [(OFFERED, "s2"), (OFFERED, "s1")]
    assert len(heard(office, limit=10_000)) == 5


def test_the_same_said_again_is_one_row_that_is_new_again(office):
    tell(office, CHANGED)
    tell(office, OFFERED)
    (_, first) = office.see(news.listing, "einstein")
    office.do(news.mark, "einstein", first.id)
    office.do(lambda tx: tx.run(schema.news.update().values(mail="m1")))
    office.now += 60
    tell(office, CHANGED, name="papers 2")
    (row, _) = office.see(news.listing, "einstein")
    assert (row.event, row.at, row.name, row.read, row.mail) == (CHANGED, NOW + 60, "papers 2", False, None)


def test_what_differs_in_one_thing_is_not_the_same(office):
    tell(office)
    tell(office, ACCEPTED)
    tell(office, subject="s2")
    tell(office, who="pierre@there.example")
    tell(office, account="lise")
    assert len(office.all(schema.news)) == 5


def test_what_is_told_once_stays_as_it_was_told(office):
    tell(office, FAILING, once=True)
    office.do(news.mark_all, "einstein")
    before = office.everything()
    office.now += 60
    tell(office, FAILING, once=True)
    assert office.everything() == before


def test_what_is_not_so_any_more_is_taken_back(office):
    tell(office, FAILING)
    tell(office, FAILING, subject="s2")
    tell(office, DECLINED)
    tell(office, FAILING, account="lise")
    office.do(news.take_back, "einstein", FAILING, "s1")
    assert heard(office) == [(DECLINED, "s1"), (FAILING, "s2")]
    assert heard(office, "lise") == [(FAILING, "s1")]


def test_what_the_person_has_dealt_with_is_read(office):
    tell(office)
    tell(office, subject="s2")
    tell(office, account="lise")
    office.do(news.settled, "einstein", "s1")
    assert heard(office, unread_only=True) == [(OFFERED, "s2")]
    assert office.see(news.unread, "lise") == 1


def test_one_is_marked_as_read(office):
    tell(office)
    tell(office, subject="s2")
    (_, first) = office.see(news.listing, "einstein")
    assert office.do(news.mark, "einstein", first.id).read
    assert office.do(news.mark, "einstein", first.id).read
    assert heard(office, unread_only=True) == [(OFFERED, "s2")]
    assert office.see(news.unread, "einstein") == 1


@pytest.mark.parametrize("account", ["einstein", "lise"])
def test_what_is_not_there_or_another_s_cannot_be_marked(office, account):
    tell(office, account="lise" if account == "einstein" else "einstein")
    (row,) = office.all(schema.news)
    before = office.everything()
    for news_id in (row.id, row.id + 1):
        with pytest.raises(NotFound):
            office.do(news.mark, account, news_id)
    assert office.everything() == before


def test_all_are_marked_as_read_but_what_came_meanwhile(office):
    tell(office)
    tell(office, account="lise")
    (seen,) = office.see(news.listing, "einstein")
    tell(office, subject="s2")
    assert office.do(news.mark_all, "einstein", until=seen.id) == 1
    assert heard(office, unread_only=True) == [(OFFERED, "s2")]
    assert office.do(news.mark_all, "einstein") == 1
    assert office.do(news.mark_all, "einstein") == 0
    assert office.see(news.unread, "lise") == 1


def test_what_is_old_goes(office):
    tell(office)
    office.now += 1
    tell(office, subject="s2")
    office.now = NOW + 90 * 86_400
    office.do(news.purge)
    assert len(heard(office)) == 2
    office.now += 1
    office.do(news.purge)
    assert heard(office) == [(OFFERED, "s2")]


def test_who_is_told_too_much_keeps_the_newest(office):
    def flood(tx):
        news.tell(tx, "lise", OFFERED, subject="hers")
        for number in range(MAX_ROWS + 2):
            news.tell(tx, "einstein", OFFERED, subject=f"s{number}")

    office.do(flood)
    office.do(news.purge)
    subjects = [row.subject for row in office.all(schema.news)]
    assert (len(subjects), subjects[:2], subjects[-1]) == (MAX_ROWS + 1, ["hers", "s2"], f"s{MAX_ROWS + 1}")


def test_news_go_with_their_account(office):
    tell(office)
    tell(office, account="lise")
    office.do(accounts.remove, "einstein")
    assert [row.account for row in office.all(schema.news)] == ["lise"]
