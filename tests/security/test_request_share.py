"""A request for a share that is not signed by the server of whoever asks, or names what is not there."""

from __future__ import annotations

from typing import Any

import pytest
from tests.security.senders import deliver, encoded
from tests.security.stages import Stage

from opencloudmesh.protocol.wire import Request
from opencloudmesh.server import limits, policy, share_requests


def body(stage: Stage, **changes: Any) -> bytes:
    said = {
        "owner": stage.cloud.address("einstein"),
        "shareWith": f"marie@{stage.sender.host}",
        "share": f"{stage.cloud.url}/files/work/note.txt",
        **changes,
    }
    return encoded({name: value for name, value in said.items() if value is not None})


def asked(stage: Stage) -> list[Any]:
    return stage.cloud.rows(share_requests.listing, "einstein")


@pytest.mark.parametrize("family", ["rfc9421", "cavage"])
async def test_a_signed_request_is_stored_whether_or_not_there_is_such_a_file(stage: Stage, family: str) -> None:
    stage.cloud.put("einstein", "work/note.txt", b"x")
    answers = []
    for name in ("note.txt", "nothing.txt"):
        said = body(stage, share=f"{stage.cloud.url}/files/work/{name}")
        answer = await deliver(stage.cloud, stage.sender.signed(stage.cloud, "request-share", said, family=family))
        answers.append((answer.status, answer.body))
    assert answers == [(201, b"{}")] * 2
    assert {row.path for row in asked(stage)} == {"work/note.txt", "work/nothing.txt"}
    assert {row.verified for row in asked(stage)} == {family}


async def test_an_unsigned_request_is_refused_also_where_signatures_are_optional(stage: Stage) -> None:
    stage.cloud.context.database.write_now(lambda tx: policy.put(tx, "signatures", ("optional",)))
    await stage.refuses(stage.sender.unsigned(stage.cloud, "request-share", body(stage)), 401)


async def test_no_server_asks_for_the_people_of_another(stage: Stage) -> None:
    said = body(stage, shareWith="marie@other.example")
    await stage.refuses(stage.sender.signed(stage.cloud, "request-share", said), 403, "shareWith")


async def test_a_signature_of_something_else_is_refused(stage: Stage) -> None:
    request = stage.sender.signed(stage.cloud, "request-share", body(stage))
    other = request.body.replace(b"note.txt", b"diary.md")
    await stage.refuses(Request("POST", request.url, request.headers, other), 401)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"owner": None, "shareWith": None, "share": None}, ("owner", "shareWith", "share")),
        ({"owner": "einstein", "share": 7}, ("owner", "share")),
        ({"share": "a\nb"}, ("share",)),
        ({"share": "x" * 3000}, ("share",)),
    ],
)
async def test_every_wrong_field_is_named(stage: Stage, changes: dict[str, Any], names: tuple[str, ...]) -> None:
    await stage.refuses(stage.sender.signed(stage.cloud, "request-share", body(stage, **changes)), 400, *names)


async def test_what_is_not_here_and_who_is_not_here_is_the_same_404(stage: Stage) -> None:
    said = set()
    for changes in (
        {"share": "no-such-id"},
        {"share": f"{stage.cloud.url}/dav/files/marie/x"},
        {"share": "https://other.example/files/x"},
        {"owner": stage.cloud.address("nobody")},
        {"owner": "einstein@other.example"},
    ):
        request = stage.sender.signed(stage.cloud, "request-share", body(stage, **changes))
        said.add((await stage.refuses(request, 404)).body)
    assert len(said) == 1


async def test_who_guesses_ids_is_stopped_and_nobody_else(stage: Stage) -> None:
    for number in range(limits.FAILURES_FOR_NAME):
        request = stage.sender.signed(stage.cloud, "request-share", body(stage, share=f"guess-{number}"))
        assert (await deliver(stage.cloud, request)).status == 404
    await stage.refuses(stage.sender.signed(stage.cloud, "request-share", body(stage)), 429)
    other = body(stage, shareWith=f"marie@{stage.other.host}")
    assert (await deliver(stage.cloud, stage.other.signed(stage.cloud, "request-share", other))).status == 201
