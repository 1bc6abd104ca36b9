"""The older way to share between ownCloud and Nextcloud, and PHP's way with JSON.

`/ocs-provider/` names the address for shares; a form is posted there; every answer is in the OCS envelope, which has
a status of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.peers.values import Answer, Call, Exchange, Sent, php_json

WEBDAV = "/public.php/webdav/"
OCS_SHARES = "/ocs/v2.php/cloud/shares"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
OCS_PROVIDER = {
    "version": 2,
    "services": {
        "PRIVATE_DATA": {
            "version": 1,
            "endpoints": {
                "store": "/ocs/v2.php/privatedata/setattribute",
                "read": "/ocs/v2.php/privatedata/getattribute",
                "delete": "/ocs/v2.php/privatedata/deleteattribute",
            },
        },
        "SHARING": {"version": 1, "endpoints": {"share": "/ocs/v2.php/apps/files_sharing/api/v1/shares"}},
        "FEDERATED_SHARING": {"version": 1, "endpoints": {"share": OCS_SHARES, "webdav": WEBDAV}},
        "PROVISIONING": {
            "version": 1,
            "endpoints": {
                "user": "/ocs/v2.php/cloud/users",
                "groups": "/ocs/v2.php/cloud/groups",
                "apps": "/ocs/v2.php/cloud/apps",
            },
        },
    },
}


def php_answer(value: object, status: int = 200, content_type: str = "application/json; charset=utf-8") -> Answer:
    """JSON from PHP."""
    return Answer(status, php_json(value).encode(), (("Content-Type", content_type),))


def decode(call: Call) -> dict[str, Any]:
    """A JSON object, or an empty one."""
    document = call.document()
    return document if isinstance(document, dict) else {}


def ocs(status: int, message: str | None = None) -> Answer:
    """The envelope of OCS version 2."""
    kind = "ok" if status == 200 else "failure"
    meta = {"status": kind, "statuscode": status, "message": message, "totalitems": "", "itemsperpage": ""}
    return php_answer({"ocs": {"meta": meta, "data": []}}, status)


def ocs_ok(done: Exchange | None) -> bool:
    """Whether an OCS answer says so itself; the HTTP status must agree."""
    document = done.document() if done is not None and done.status < 400 else None
    try:
        return document is not None and document["ocs"]["meta"]["statuscode"] in (100, 200)
    except (KeyError, TypeError):
        return False


def ocs_form(share: Sent, recipient: str, me: str, base_url: str) -> Mapping[str, str]:
    """A share as a form. `recipient` is the bare login at the other server, `me` the owner's whole address."""
    return {
        "shareWith": recipient,
        "token": share.secret,
        "name": share.path.strip("/").rpartition("/")[2],
        "remoteId": share.id,
        "owner": share.person.name,
        "ownerFederatedId": me,
        "sharedBy": share.person.name,
        "sharedByFederatedId": me,
        "remote": f"{base_url}/",
        "shareType": "6",
    }
