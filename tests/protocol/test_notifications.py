"""Notifications in the spellings of all families."""

import json

import pytest

from opencloudmesh.protocol import notifications
from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.notifications import Change, Notification

ACCEPTED = {
    "notificationType": "SHARE_ACCEPTED",
    "resourceType": "file",
    "providerId": "7",
    "notification": {"sharedSecret": "s3cr3t", "message": "Recipient accepted the share"},
}


def parse(values):
    return Notification.parse(json.dumps(values).encode())


def test_a_notification_is_read():
    notice = parse(ACCEPTED)
    assert (notice.type, notice.resource_type, notice.provider_id) == ("SHARE_ACCEPTED", "file", "7")
    assert notice.shared_secret == "s3cr3t"
    assert notice.content == ACCEPTED["notification"]
    assert "s3cr3t" not in repr(notice)


@pytest.mark.parametrize(
    "change",
    [
        {"providerId": 7},  # Nextcloud <= 30
        {"notificationType": None, "type": "SHARE_ACCEPTED"},  # ocm-stub
        {"unknown": []},
    ],
    ids=str,
)
def test_another_spelling_says_the_same(change):
    assert parse(ACCEPTED | change) == parse(ACCEPTED)


@pytest.mark.parametrize("content", [None, [], {}, {"message": "x"}, {"sharedSecret": ""}, {"sharedSecret": None}])
def test_there_may_be_no_secret(content):
    # opencloudmesh-go and oCIS prove who they are otherwise; PHP writes an empty object as a list.
    notice = parse(ACCEPTED | {"notification": content})
    assert notice.shared_secret == ""
    assert notice.content == (content or {})


def test_what_a_notification_carries_besides_is_kept():
    content = {"grantee": "marie", "protocol": {"name": "multi", "webdav": {"permissions": ["read"]}}}  # oCIS
    change = {"notificationType": "SHARE_CHANGE_PERMISSION", "notification": content}
    assert parse(ACCEPTED | change).content == content


def test_a_type_that_is_not_known_is_read_too():
    notice = parse(ACCEPTED | {"notificationType": "SYNC_CALENDAR"})
    assert notice.type == "SYNC_CALENDAR"
    assert notice.type not in notifications.TYPES


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"notificationType": "REQUIRED", "resourceType": "REQUIRED", "providerId": "REQUIRED"}),
        (ACCEPTED | {"notificationType": 1}, {"notificationType": "INVALID"}),
        (ACCEPTED | {"notificationType": "A" * 65}, {"notificationType": "TOO_LONG"}),
        (ACCEPTED | {"resourceType": []}, {"resourceType": "INVALID"}),
        (ACCEPTED | {"providerId": True}, {"providerId": "INVALID"}),
        (ACCEPTED | {"providerId": "a\0"}, {"providerId": "INVALID"}),
        (ACCEPTED | {"notification": "x"}, {"notification": "INVALID"}),
        (ACCEPTED | {"notification": [1]}, {"notification": "INVALID"}),
        (ACCEPTED | {"notification": 0}, {"notification": "INVALID"}),
        (ACCEPTED | {"notification": {"sharedSecret": 1}}, {"notification.sharedSecret": "INVALID"}),
    ],
)
def test_every_wrong_field_is_named(values, wrong):
    with pytest.raises(Invalid) as caught:
        parse(values)
    assert dict(caught.value.fields) == wrong


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"notificationType=SHARE_ACCEPTED"])
def test_what_is_no_object_is_invalid(body):
    with pytest.raises(Invalid):
        Notification.parse(body)


def test_what_we_send_is_read_as_the_same():
    notice = Notification("SHARE_UNSHARED", "folder", "7", "s3cr3t", {"message": "No longer"})
    message = notice.encode()
    assert message == {
        "notificationType": "SHARE_UNSHARED",
        "resourceType": "folder",
        "providerId": "7",
        "notification": {"message": "No longer", "sharedSecret": "s3cr3t"},
    }
    again = parse(message)
    assert (again.shared_secret, again.content["message"], again.encode()) == ("s3cr3t", "No longer", message)
    assert notice.content == {"message": "No longer"}


@pytest.mark.parametrize("notice", [Notification("SHARE_ACCEPTED", "file", "7", "s3cr3t"), parse(ACCEPTED)])
def test_a_peer_that_knows_us_by_our_signature_gets_no_secret(notice):
    assert "s3cr3t" not in json.dumps(notice.encode(with_secret=False))


def test_a_notification_without_a_secret_sends_none():
    assert Notification("SHARE_ACCEPTED", "file", "7").encode()["notification"] == {}


READ, WRITE = frozenset({"read"}), frozenset({"read", "write"})


@pytest.mark.parametrize(
    ("content", "change"),
    [
        ({"permission": ["read", "write"]}, Change(WRITE, None)),  # ownCloud
        ({"permission": "write", "expiration": 9}, Change(WRITE, 9)),
        ({"permissions": ["read"], "expiration": 0}, Change(READ, 0)),
        ({"protocol": {"webdav": {"permissions": ["read", "write", "mfa"]}}, "grantee": "x"}, Change(WRITE, None)),
        ({"protocol": [], "expiration": 9.0}, Change(None, 9)),
    ],
)
def test_a_change_is_read_in_the_spellings_of_all_families(content, change):
    assert Change.read(content) == change


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"permission": None},
        {"permission": []},
        {"permission": ["own"]},
        {"permission": {"read": 1}},
        {"protocol": "webdav"},
        {"protocol": {"webdav": {"permissions": []}}},
        {"expiration": "9"},
        {"expiration": True},
    ],
)
def test_a_change_of_nothing_or_to_nothing_is_invalid(content):
    with pytest.raises(Invalid):
        Change.read(content)


@pytest.mark.parametrize("kind", ["SHARE_CHANGE_PERMISSION", "SHARE_UNSHARED"])
def test_ocis_proves_a_change_by_the_secret_in_its_protocol(kind):
    content = {"grantee": "x", "protocol": {"webdav": {"sharedSecret": "s3cr3t", "permissions": ["read"]}}}
    notice = parse(ACCEPTED | {"notificationType": kind, "notification": content})
    assert notice.shared_secret == ("s3cr3t" if kind == "SHARE_CHANGE_PERMISSION" else "")
