"""What foreign servers say of their files: recorded answers, other ways to write the same, and hostile ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.recordings import load

from opencloudmesh.client.multistatus import RemoteEntry, children, parse, statuses, the_one
from opencloudmesh.protocol.errors import BadAnswer

URL = "https://cloud.example/dav/ocm/x1"
ALL = frozenset({"read", "write", "share"})
OC, OCS, OCM = "http://owncloud.org/ns", "http://open-collaboration-services.org/ns", "http://open-cloud-mesh.org/ns"


def _response(href: str, inner: str = "", *, folder: bool = False) -> str:
    kind = "<d:resourcetype>" + ("<d:collection/>" if folder else "") + "</d:resourcetype>"
    return (
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop>{kind}{inner}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )


def _multistatus(*responses: str) -> bytes:
    return f'<d:multistatus xmlns:d="DAV:">{"".join(responses)}</d:multistatus>'.encode()


def _names(*responses: str, url: str = URL) -> list[str]:
    return [name for name, _ in children(parse(_multistatus(*responses), url), url)]


def _one(inner: str, *, folder: bool = False) -> RemoteEntry:
    found = the_one(parse(_multistatus(_response("/dav/ocm/x1", inner, folder=folder)), URL), URL)
    assert found is not None
    return found.entry("x")


def _recorded(sender: str, receiver: str, target: str) -> RemoteEntry:
    """The first successful answer to a PROPFIND of that target."""
    answer = next(
        each.answer
        for each in load(sender, receiver)
        if (each.method, each.target, each.status) == ("PROPFIND", target, 207)
    )
    url = "http://localhost" + target
    found = the_one(parse(answer.encode(), url), url)
    assert found is not None
    return found.entry("")


def test_nextclouds_root_of_a_shared_folder_is_read() -> None:
    root = _recorded("nextcloud-34.0.1", "nextcloud-33.0.3", "/public.php/webdav/")
    assert (root.is_folder, root.size, root.permissions) == (True, 0, ALL)
    assert root.etag
    assert root.modified_ns > 1_700_000_000 * 10**9
    assert root.available is None  # -3: unlimited


def test_nextclouds_new_file_is_read() -> None:
    file = _recorded("nextcloud-34.0.1", "nextcloud-33.0.3", "/public.php/webdav/new.txt")
    assert (file.is_folder, file.size, file.media_type) == (False, 10, "text/plain")


@pytest.mark.parametrize(
    ("sender", "receiver"), [("nextcloud-28.0.2", "owncloud-10.11.0"), ("owncloud-10.11.0", "nextcloud-34.0.1")]
)
def test_a_shared_file_at_the_root_is_read(sender: str, receiver: str) -> None:
    file = _recorded(sender, receiver, "/public.php/webdav/")
    assert (file.is_folder, file.media_type, file.permissions) == (False, "text/plain", ALL)
    assert file.size > 0


def test_openclouds_folder_and_file_are_read() -> None:
    share = "/dav/ocm/a4895f97-5779-442a-889d-9b45c908e365/"
    folder = _recorded("opencloud-2025.02", "opencloud-2025.02", share)
    file = _recorded("opencloud-2025.02", "opencloud-2025.02", share + "./new.txt")
    assert (folder.is_folder, file.is_folder) == (True, False)
    assert file.size > 0
    assert file.etag


@pytest.mark.parametrize(
    "hrefs",
    [
        ["/dav/ocm/x1/", "/dav/ocm/x1/a", "/dav/ocm/x1/b/"],
        ["/dav/ocm/x1", "/dav/ocm/x1/a", "/dav/ocm/x1/b"],
        ["/dav/ocm/x1/a", "/dav/ocm/x1/b/", "/dav/ocm/x1/"],
        ["/dav/ocm/x1/a", "/dav/ocm/x1/b"],
        ["http://internal:8080/dav/ocm/x1/", "http://internal:8080/dav/ocm/x1/a", "https://cloud.example/dav/ocm/x1/b"],
        ["", "a", "b/"],
        ["./", "./a", "./b"],
        ["/dav//ocm/x1/", "/dav//ocm/x1//a", "/dav/ocm/x1/b//"],
        ["/d%61v/ocm/%78%31/", "/dav/ocm/x1/%61", "/dav/ocm/x1/%62"],
        ["/other/root/", "/other/root/a", "/other/root/b"],
        ["/other/root/a", "/other/root/b"],
        ["/", "/a", "/b"],
        [" /dav/ocm/x1/ ", "\n/dav/ocm/x1/a\n", "/dav/ocm/x1/b"],
        ["/dav/ocm/x1/", "/dav/ocm/x1/a", "/dav/ocm/x1/a", "/dav/ocm/x1/b"],
        ["/dav/ocm/x1/", "/dav/ocm/x1/a", "/dav/ocm/x1/b", "/dav/ocm/x1/b/deeper", "/dav/ocm", "/dav/ocm/x2/c"],
    ],
)
def test_children_are_found_however_hrefs_are_written(hrefs: list[str]) -> None:
    assert _names(*(_response(href) for href in hrefs)) == ["a", "b"]


def test_a_folder_without_children_has_none() -> None:
    for href in ("/dav/ocm/x1/", "/other/root/"):
        assert _names(_response(href, folder=True)) == []
    assert _names() == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "%2e%2e",
        "..%2f..%2fetc",
        "a%2fb",
        "%00",
        "a%0ab",
        "%7f",
        "%ff%fe",
        "x" * 256,
        "%C3%A4" * 128,
        "../../../../etc/passwd",
        "//evil.example/dav/ocm/x2/y",
    ],
)
def test_a_name_that_is_none_is_left_out(name: str) -> None:
    assert _names(_response("/dav/ocm/x1/"), _response(f"/dav/ocm/x1/{name}"), _response("/dav/ocm/x1/good")) == [
        "good"
    ]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("%20a%26b", " a&b"),
        ("a b", "a b"),
        ("%C3%A4", "ä"),
        ("ä", "ä"),
        ("100%25", "100%"),
        ("100%", "100%"),
        ("a+b", "a+b"),
        ("a;b=c", "a;b=c"),
        ("a%3Ab", "a:b"),
        ("a%3Fb%23c", "a?b#c"),
        ("back\\slash", "back\\slash"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_name_is_decoded_once(written: str, name: str) -> None:
    assert _names(_response("/dav/ocm/x1/"), _response(f"/dav/ocm/x1/{written}")) == [name]


def test_an_entry_with_nothing_to_say_gets_defaults() -> None:
    assert _one("") == RemoteEntry("x", False, 0, 0, "0-0", ALL)


@pytest.mark.parametrize("length", ["", "many", "-5", "1.5", "9" * 30, "٣"])
def test_a_length_that_is_none_counts_as_zero(length: str) -> None:
    assert _one(f"<d:getcontentlength>{length}</d:getcontentlength>").size == 0


@pytest.mark.parametrize("date", ["", "yesterday", "2026-11-23T20:00:00Z", "Mon, 23 Nov 99999 20:00:00 GMT"])
def test_a_date_that_is_none_counts_as_zero(date: str) -> None:
    assert _one(f"<d:getlastmodified>{date}</d:getlastmodified>").modified_ns == 0


@pytest.mark.parametrize(
    ("written", "etag"),
    [
        ('"abc"', "abc"),
        ('W/"abc"', "abc"),
        ("abc", "abc"),
        (' "abc" ', "abc"),
        ('""', "0-0"),
        ("", "0-0"),
    ],
)
def test_an_etag_loses_its_quotes(written: str, etag: str) -> None:
    assert _one(f"<d:getetag>{written}</d:getetag>").etag == etag


@pytest.mark.parametrize("written", ["x" * 41, 'a"b', "a b", "ä", "a&#10;b", "a&#13;&#10;X-Injected: 1"])
def test_an_etag_that_does_not_fit_into_a_header_is_replaced_by_a_digest(written: str) -> None:
    assert len(_one(f"<d:getetag>{written}</d:getetag>").etag) == 40
    assert _one(f"<d:getetag>{written}</d:getetag>").etag.isalnum()


@pytest.mark.parametrize(
    ("written", "media_type"),
    [
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        ("text/plain&#13;&#10;X-Injected: 1", ""),
        ("no type", ""),
        ("", ""),
    ],
)
def test_a_media_type_is_one_or_nothing(written: str, media_type: str) -> None:
    assert _one(f"<d:getcontenttype>{written}</d:getcontenttype>").media_type == media_type


@pytest.mark.parametrize(
    ("inner", "permissions"),
    [
        (f'<s:share-permissions xmlns:s="{OCS}">31</s:share-permissions>', "read write share"),
        (f'<s:share-permissions xmlns:s="{OCS}">1</s:share-permissions>', "read"),
        (f'<s:share-permissions xmlns:s="{OCS}">3</s:share-permissions>', "read write"),
        (f'<s:share-permissions xmlns:s="{OCS}">17</s:share-permissions>', "read share"),
        (f'<m:share-permissions xmlns:m="{OCM}">["share","read"]</m:share-permissions>', "read share"),
        (f'<m:share-permissions xmlns:m="{OCM}">["read","write"]</m:share-permissions>', "read write"),
        (f'<m:share-permissions xmlns:m="{OCM}">not json</m:share-permissions>', "read write share"),
        (f'<o:permissions xmlns:o="{OC}">RGDNVCK</o:permissions>', "read write share"),
        (f'<o:permissions xmlns:o="{OC}">DNVW</o:permissions>', "read write"),
        (f'<o:permissions xmlns:o="{OC}">G</o:permissions>', "read"),
        (f'<o:permissions xmlns:o="{OC}"></o:permissions>', "read"),
        (
            f'<o:permissions xmlns:o="{OC}">RW</o:permissions>'
            f'<m:share-permissions xmlns:m="{OCM}">["read","write"]</m:share-permissions>'
            f'<s:share-permissions xmlns:s="{OCS}">1</s:share-permissions>',
            "read",
        ),
    ],
)
def test_permissions_are_read_in_the_order_of_nextcloud(inner: str, permissions: str) -> None:
    assert _one(inner).permissions == frozenset(permissions.split())


def test_properties_that_were_not_found_do_not_count() -> None:
    body = _multistatus(
        "<d:response><d:href>/dav/ocm/x1</d:href>"
        "<d:propstat><d:prop><d:getetag>no</d:getetag><d:resourcetype><d:collection/></d:resourcetype></d:prop>"
        "<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>"
        "<d:propstat><d:prop><d:getcontentlength>7</d:getcontentlength></d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
    found = the_one(parse(body, URL), URL)
    assert found is not None
    assert (found.entry("x").is_folder, found.entry("x").size, found.entry("x").etag) == (False, 7, "0-7")


def test_quota_is_read_where_it_is_known() -> None:
    quota = "<d:quota-used-bytes>5</d:quota-used-bytes><d:quota-available-bytes>{}</d:quota-available-bytes>"
    assert (_one(quota.format(7)).used, _one(quota.format(7)).available) == (5, 7)
    assert _one(quota.format(-3)).available is None


def test_all_statuses_of_a_failed_change_are_found() -> None:
    body = _multistatus(
        "<d:response><d:href>/a</d:href><d:status>HTTP/1.1 423 Locked</d:status></d:response>",
        "<d:response><d:href>/b</d:href><d:propstat><d:prop/><d:status>HTTP/1.1 409 Conflict</d:status></d:propstat>"
        "</d:response>",
    )
    assert statuses(body) == [423, 409]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html><body>Login</body></html>",
        b"<multistatus/>",
        b'<d:multistatus xmlns:d="DAV:"><d:response>',
        b'{"error": "json"}',
        b'<!DOCTYPE d [<!ENTITY a "b">]><d:multistatus xmlns:d="DAV:"/>',
        b'<!DOCTYPE d SYSTEM "http://evil.example/x.dtd"><d:multistatus xmlns:d="DAV:"/>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d:multistatus xmlns:d="DAV:"><d:response><d:href>&x;'
        b"</d:href></d:response></d:multistatus>",
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE d><d:multistatus xmlns:d="DAV:"/>').encode("utf-16"),
        b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (c + 1, b"&%c;" % c * 10) for c in range(97, 110))
        + b']><d:multistatus xmlns:d="DAV:">&n;</d:multistatus>',
        b'<d:multistatus xmlns:d="DAV:">' + b"<d:response>" * 100_000 + b"</d:multistatus>",
    ],
)
def test_what_is_no_multistatus_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        parse(body, URL)


def test_a_listing_may_have_a_hundred_thousand_entries_and_no_more() -> None:
    one = "<d:response/>"
    assert len(parse(_multistatus(one * 100_000), URL)) == 100_000
    with pytest.raises(BadAnswer):
        parse(_multistatus(one * 100_001), URL)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), max_size=5))
def test_whatever_the_hrefs_are_the_names_are_names(hrefs: list[str]) -> None:
    escaped = [href.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for href in hrefs]
    try:
        names = _names(*(_response(f"/dav/ocm/x1/{href}") for href in escaped), *(_response(href) for href in escaped))
    except BadAnswer:
        return
    for name in names:
        assert name not in ("", ".", "..")
        assert "/" not in name


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_else(body: bytes) -> None:
    for content in (body, _multistatus().replace(b"</", body + b"</", 1)):
        try:
            for resource in parse(content, URL):
                resource.entry("x")
        except BadAnswer:
            continue
