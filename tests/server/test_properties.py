"""Dead properties as gestures."""

from __future__ import annotations

import pytest
from tests.server import rows

from opencloudmesh.protocol.errors import InsufficientStorage
from opencloudmesh.server import properties

PATHS = ("a", "a/b", "a/b/c", "A/b", "ab", "a%", "a_", "d")


@pytest.fixture
def kept(database):
    """A database in which every path has a property with its own name as value; what is in it afterwards."""

    def fill(tx):
        for who in ("einstein", "marie"):
            rows.account(tx, who)
            for path in PATHS:
                properties.change(tx, who, path, {"{x}name": path})

    database.write_now(fill)
    return lambda who="einstein": {
        path: dict(properties_of)
        for path in (*PATHS, "e", "e/b", "e/b/c")
        if (properties_of := database.read_now(lambda tx: properties.of(tx, who, path)))  # noqa: B023
    }


def values(paths):
    return {path: {"{x}name": value} for path, value in paths.items()}


def test_properties_are_set_replaced_and_removed(database, kept):
    def change(tx):
        properties.change(tx, "einstein", "a", {"{x}name": None, "{y}new": "1", "no namespace": "2"})
        properties.change(tx, "einstein", "a", {"{y}new": "3", "{z}never": None})

    database.write_now(change)
    assert kept()["a"] == {"{y}new": "3", "no namespace": "2"}
    assert kept("marie")["a"] == {"{x}name": "a"}


def test_a_folder_is_listed_with_its_children_only(database, kept):
    listed = database.read_now(lambda tx: properties.of_folder(tx, "einstein", "a"))
    assert set(listed) == {"a", "a/b"}
    listed = database.read_now(lambda tx: properties.of_folder(tx, "einstein", ""))
    assert set(listed) == {"a", "ab", "a%", "a_", "d"}


def test_forgetting_takes_all_below_and_nothing_else(database, kept):
    database.write_now(lambda tx: properties.forget(tx, "einstein", "a"))
    assert set(kept()) == {"A/b", "ab", "a%", "a_", "d"}
    assert set(kept("marie")) == set(PATHS)


def test_moving_takes_all_below_along_and_replaces_what_was_there(database, kept):
    database.write_now(lambda tx: properties.move(tx, "einstein", "a", "d"))
    assert set(kept()) == {"A/b", "ab", "a%", "a_", "d"}
    assert kept()["d"] == {"{x}name": "a"}
    database.write_now(lambda tx: properties.move(tx, "einstein", "d", "e"))
    assert kept()["e/b/c"] == {"{x}name": "a/b/c"}


@pytest.mark.parametrize("deep", [True, False])
def test_copying_leaves_the_original(database, kept, deep):
    database.write_now(lambda tx: properties.copy(tx, "einstein", "a", "e", deep=deep))
    expected = {"e": "a", "e/b": "a/b", "e/b/c": "a/b/c"} if deep else {"e": "a"}
    assert kept() == values({path: path for path in PATHS} | expected)


def test_there_is_an_end_to_what_is_kept(database, kept, monkeypatch):
    with pytest.raises(InsufficientStorage):
        database.write_now(lambda tx: properties.change(tx, "einstein", "a", {"{x}long": "x" * properties.MAX_VALUE}))
    monkeypatch.setattr(properties, "MAX_ALL", 100)
    with pytest.raises(InsufficientStorage):
        database.write_now(lambda tx: properties.change(tx, "einstein", "a", {"{x}more": "x" * 50}))
    assert kept()["a"] == {"{x}name": "a"}
