"""Whatever an operator's program sends: no failure of ours, and answers as they are described."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode
from tests.mesh import PASSWORD, Server, serve
from tests.server.web.background import Background
from tests.server.web.test_fuzz import BRIEF, CHECKS, FRAMING

from opencloudmesh.server import accounts, groups, outbox, peers, rules
from opencloudmesh.server.web import openapi
from opencloudmesh.server.web.api import BASE, OPERATIONS
from opencloudmesh.server.web.operator import AREA

ALL = [f"{method} {path}" for path, methods in OPERATIONS.items() if path.startswith(AREA) for method in methods]
# Asks any server that is named; tests/journeys/test_operator_peers.py has it.
OUTWARD = {"POST /operator/peers/{host}/discover"}
# Makes RSA keys, which takes its time; tests/journeys/test_operator_running.py has it.
SLOW = {"POST /operator/keys/rotate"}
NUMBERS = itertools.count(1)
MESH = "https://mesh.example/servers.json"


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[Server]:
    async with serve(folder) as cloud:
        cloud.add("lise", operator=True)
        yield cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Background, Server]]:
    """One for all: what is decided on the way is part of the trouble. `serve` looks for errors in the log."""
    with Background() as background, background.open(_staged(tmp_path_factory.mktemp("fuzz") / "cloud")) as opened:
        yield background, opened


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", sorted(set(ALL) - OUTWARD - SLOW))
def test_the_api_answers_operators_as_described(
    cloud: tuple[Background, Server], operation: str, mode: GenerationMode
) -> None:
    _, server = cloud
    schema = schemathesis.openapi.from_dict(openapi.document(server.url))
    method, _, path = operation.partition(" ")

    @BRIEF
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() not in FRAMING}
        before = server.stored()
        answer = case.call_and_validate(base_url=server.url + BASE, auth=("lise", PASSWORD), checks=CHECKS, timeout=20)
        assert answer.status_code < 400 or server.stored() == before

    ask()


def known(server: Server, path: str) -> dict[str, str]:
    """Something that is there, by what the path names."""
    number = next(NUMBERS)
    user, host, write = f"pupil{number}", f"c{number}.example", server.context.database.write_now
    write(lambda tx: accounts.add(tx, user, "hash"))
    write(lambda tx: peers.remember_document(tx, host, f"https://{host}", {"provider": "x"}))
    write(lambda tx: rules.put(tx, host, incoming="allow"))
    write(lambda tx: outbox.put(tx, host=host, kind=outbox.NOTIFICATION, subject=host, message={"type": "X"}))
    write(lambda tx: groups.join(tx, groups.add(tx, f"class{number}").id, user))
    row = server.rows(outbox.everything)[-1]
    ids = {"users": user, "groups": f"class{number}", "outbox": str(row.id)}
    return {"id": ids.get(path.split("/")[2], ""), "host": host, "pattern": host, "user": user}


BODIES = {"PATCH /operator/users/{id}": {"quota": 7}, "PUT /operator/rules/{pattern}": {"outgoing": "deny"}}


@pytest.mark.parametrize("operation", sorted(op for op in set(ALL) - OUTWARD if "{" in op or op.startswith("GET")))
def test_what_there_is_is_shown_to_operators_as_described(cloud: tuple[Background, Server], operation: str) -> None:
    background, server = cloud
    schema = schemathesis.openapi.from_dict(openapi.document(server.url))
    method, _, path = operation.partition(" ")
    there = known(server, path)
    query = None
    if path.endswith("/servers"):
        body = {"url": MESH, "unsigned": True}
        background.run(server.api("POST", "operator/directories", body, who="lise", status=201))
        query = {"url": MESH}
    said = {"body": BODIES.get(operation, {}), "media_type": "application/json"} if method != "GET" else {}
    names = {name: value for name, value in there.items() if f"{{{name}}}" in path}
    case = schema[path][method].Case(path_parameters=names or None, query=query, **said)
    answer = case.call_and_validate(base_url=server.url + BASE, auth=("lise", PASSWORD), checks=CHECKS[:-1], timeout=20)
    assert answer.status_code in (200, 201, 204)
