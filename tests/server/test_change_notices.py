"""How a change of a share is said to each family: the shapes on the wire."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from opencloudmesh.protocol.dialects import DIALECTS
from opencloudmesh.server import config, outgoing

OURS = config.load({"data": ".", "public_url": "https://ours.example"}, environment={})
SHARE = SimpleNamespace(
    id="4e", resource_type="folder", share_with="bWFyaWVAdGhlcmUuZXhhbXBsZQ@there.example", secret="sesame",
    permissions=["read", "write"], requirements=[], expiration=None,
)  # fmt: skip


def test_ocis_gets_the_protocol_of_a_share_and_whom_it_is_for():
    assert outgoing.change_notice(SHARE, OURS, DIALECTS["opencloud"]) == {
        "notificationType": "SHARE_CHANGE_PERMISSION",
        "resourceType": "folder",
        "providerId": "4e",
        "notification": {
            "grantee": "marie",  # as it knows its own people, not as in the invite
            "protocol": {
                "name": "multi",
                "options": {},
                "webdav": {
                    "uri": "https://ours.example/dav/ocm/4e",
                    "url": "https://ours.example/dav/ocm/4e",
                    "sharedSecret": "sesame",
                    "permissions": ["read", "write"],
                },
            },
            "expiration": 0,
            "sharedSecret": "sesame",
        },
    }


@pytest.mark.parametrize("family", ["ocm-1.4", "ocm-1.1"])
def test_others_get_the_words_of_the_protocol(family):
    share = SimpleNamespace(**{**vars(SHARE), "expiration": 1_800_000_000, "resource_type": "file"})
    assert outgoing.change_notice(share, OURS, DIALECTS[family]) == {
        "notificationType": "RESHARE_CHANGE_PERMISSION",
        "resourceType": "file",
        "providerId": "4e",
        "notification": {"permission": ["read", "write"], "expiration": 1_800_000_000, "sharedSecret": "sesame"},
    }


@pytest.mark.parametrize("family", ["nextcloud", "owncloud", "seafile", "reva", "opencloudmesh-go", "ocm-1.0"])
def test_who_would_not_understand_it_is_told_nothing(family):
    assert outgoing.change_notice(SHARE, OURS, DIALECTS[family]) is None


def test_ocis_finds_the_share_that_has_ended_by_whom_it_was_for():
    said = {"type": "SHARE_UNSHARED", "resource_type": "folder", "provider_id": "4e", "secret": "sesame"}
    said["content"] = {"grantee": "bWFyaWVAdGhlcmUuZXhhbXBsZQ"}
    message = outgoing.notice(said, DIALECTS["opencloud"])
    assert message["notification"] == {"grantee": "marie", "sharedSecret": "sesame"}
    assert outgoing.notice(said, DIALECTS["nextcloud"])["resourceType"] == "file"
    assert "sesame" not in str(outgoing.notice(said, DIALECTS["opencloudmesh-go"]))
