"""The If header (RFC 4918, 10.4): what it says, and whether it is true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server.web.dav.conditions import Condition, ConditionList, parse_if

LOCK = b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'


@pytest.mark.parametrize(
    ("header", "lists"),
    [
        ("(<urn:a>)", [ConditionList(None, (Condition(False, "urn:a"),))]),
        ('(["e"])', [ConditionList(None, (Condition(False, etag='"e"'),))]),
        ('([W/"e"])', [ConditionList(None, (Condition(False, etag='W/"e"'),))]),
        ("(Not <DAV:no-lock>)", [ConditionList(None, (Condition(True, "DAV:no-lock"),))]),
        (
            '(<urn:a> not ["x y"]) ( <urn:b> )',
            [
                ConditionList(None, (Condition(False, "urn:a"), Condition(True, etag='"x y"'))),
                ConditionList(None, (Condition(False, "urn:b"),)),
            ],
        ),
        (
            "</a> (<urn:a>)(<urn:b>) <http://h/b>(Not<urn:c>)",
            [
                ConditionList("/a", (Condition(False, "urn:a"),)),
                ConditionList("/a", (Condition(False, "urn:b"),)),
                ConditionList("http://h/b", (Condition(True, "urn:c"),)),
            ],
        ),
    ],
)
def test_an_if_header_is_read(header, lists):
    assert parse_if(header) == lists


@pytest.mark.parametrize(
    "header",
    [
        "", "()", "(", ")", "<urn:a>", "(<urn:a>", "<urn:a>)", "(<urn:a>) <b>", "(<urn:a>) <b> (<urn:c>)", "(Not)",
        "(Not Not <urn:a>)", "Not (<urn:a>)", "((<urn:a>))", "(urn:a)", "([e])", '("e")', "(<urn:a>) x", "(<a b>)",
        "<a> Not (<b>)", "[\"e\"]",
    ],
)  # fmt: skip
def test_an_if_header_that_is_none_is_refused(header):
    with pytest.raises(Invalid):
        parse_if(header)


@given(st.text(alphabet='<>()[]"/ aNotW:', max_size=40))
def test_no_if_header_is_a_surprise(header):
    try:
        lists = parse_if(header)
    except Invalid:
        return
    assert lists
    assert all(alternative.conditions for alternative in lists)


@pytest.fixture
async def ask(quick_cloud):
    async def ask(method, path="file", body=b"", **headers):
        return await quick_cloud.request(method, path, headers, body)

    await ask("PUT", body=b"1")
    return ask


HOLDS = {
    "({lock})": True,
    "([{etag}])": False,  # true, but the lock is not presented
    "({lock} [{etag}])": True,
    '({lock} ["other"])': False,
    "(<urn:other>) ({lock})": True,
    "(<urn:other>) (Not <DAV:no-lock> {lock})": True,
    "(Not {lock})": False,
    "(Not <urn:other>) ({lock})": True,
    "({lock} <DAV:no-lock>)": False,
    "</dav/file> ({lock})": True,
    "<http://cloud.test/dav/file> ({lock})": True,
    "</dav/other> ({lock})": False,
    "<http://elsewhere.test/dav/file> ({lock})": False,
    "<http://elsewhere.test/dav/file> (Not {lock})": True,
    "</dav/other> (<urn:other>) </dav/file> ({lock} [{etag}])": True,
    "</dav/%ff> (Not {lock})": True,
}


@pytest.mark.parametrize("header", HOLDS)
async def test_an_if_header_holds_or_not(ask, header):
    lock = (await ask("LOCK", body=LOCK)).headers.get("lock-token")
    etag = (await ask("GET")).headers.get("etag")
    answer = await ask("PUT", body=b"2", If=header.format(lock=lock, etag=etag))
    assert (answer.status == 204) == HOLDS[header]
    assert answer.status in (204, 412, 423)


async def test_an_if_header_may_speak_of_what_is_not_locked_or_not_there(ask):
    etag = (await ask("GET")).headers.get("etag")
    for header, status in (
        (f"([{etag}])", 204),
        ("(<urn:other>)", 412),
        ("(<DAV:no-lock>)", 412),
        ("(Not <DAV:no-lock>)", 204),
        ("nonsense", 400),
    ):
        assert (await ask("PUT", body=b"1", If=header)).status == status
    assert (await ask("PUT", "new", b"1", If=f"([{etag}])")).status == 412
    assert (await ask("PUT", "new", b"1", If="(Not [" + '"x"' + "])")).status == 201


async def test_an_if_header_counts_for_reading_too(ask):
    assert (await ask("GET", If="(<urn:other>)")).status == 412
    assert (await ask("PROPFIND", If="(<urn:other>)", Depth="0")).status == 412
    assert (await ask("GET", If="(Not <urn:other>)")).status == 200
