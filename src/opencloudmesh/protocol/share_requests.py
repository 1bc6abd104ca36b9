"""Request for a share: somebody asks the owner of a resource for access (IETF-OCM, "Request for a Share").

`POST {endPoint}/request-share`, signed. The owner is asked and may answer with a share, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.wire import decode_object

MAX_SHARE = 2048  # characters


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """`share_with` would like to have `share`, a URL or identifier of a resource of `owner`."""

    owner: Address
    share_with: Address
    share: str

    @classmethod
    def parse(cls, body: bytes) -> ShareRequest:
        """Reads a request. Raises `Invalid` naming every wrong field."""
        fields = Fields(decode_object(body))
        request = cls(
            owner=fields.address("owner"),
            share_with=fields.address("shareWith"),
            share=fields.text("share", limit=MAX_SHARE),
        )
        if not request.share.isprintable():
            fields.wrong("share")
        fields.check("The request for a share is not complete.")
        return request

    def encode(self) -> dict[str, str]:
        """The JSON object to send."""
        return {"owner": str(self.owner), "shareWith": str(self.share_with), "share": self.share}
