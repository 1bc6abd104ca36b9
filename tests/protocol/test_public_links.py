"""Public links in every spelling that people come by."""

from __future__ import annotations

import pytest

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.public_links import PublicLink, lead, parse

LED = "#remote=https%3A%2F%2FCloud.example&token=k4YfJ2&owner=alice&ownerDisplayName=A&name=%2Fwork&protected=0"
NAMED_BY_NONE = ("cloud.example", "", "k4YfJ2")
NAMED = PublicLink("cloud.example", "", "k4YfJ2", "work", "alice", "A")


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://cloud.example/s/k4YfJ2", PublicLink("cloud.example", "", "k4YfJ2")),
        (" https://cloud.example/s/k4YfJ2/files/deep?x=1#y ", PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://cloud.example/index.php/s/k4YfJ2/download", PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://cloud.example:8443/nc/index.php/s/a-b_c", PublicLink("cloud.example:8443", "/nc", "a-b_c")),
        ("http://cloud.example/s/k4YfJ2", PublicLink("cloud.example", "", "k4YfJ2")),  # the scheme is not believed
        ("https://cloud.example\n/s/k4YfJ2", PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://here.example/add" + LED, NAMED),
        ("https://here.example/index.php/apps/files" + LED, NAMED),
        (LED, NAMED),
        ("https://here.example/index.php/apps/files?" + LED[1:], NAMED),
        (
            LED.replace("%2Fwork", "..").replace("alice", "%0A").replace("=A", "=" + "A" * 256),
            PublicLink(*NAMED_BY_NONE),
        ),
        ("#remote=cloud.example/nc/&token=k4YfJ2", PublicLink("cloud.example", "/nc", "k4YfJ2")),
    ],
)
def test_a_link_is_read(text, link):
    assert parse(text) == link
    assert link.token not in repr(link)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "https://cloud.example/", "https://cloud.example/s/", "https://cloud.example/s", "/s/k4YfJ2",
        "ftp://cloud.example/s/k4YfJ2", "https://user:pw@cloud.example/s/k4YfJ2", "https://cloud.example/s/%2e%2e%2f",
        "https://cloud.example/s/a b", "https://[::1/s/k4YfJ2", "javascript:alert(1)//s/k4YfJ2",
        "#remote=file%3A%2F%2F%2Fetc&token=t", "#remote=https%3A%2F%2Fcloud.example%2F..%2Fadmin&token=t",
        "#remote=https%3A%2F%2Fcloud.example%3Fx%3D&token=t", "#remote=https%3A%2F%2Fcloud.example&token=a%0Ab",
        "#remote=https%3A%2F%2Fevil%40cloud.example&token=t", "https://cloud.example/s/" + "k" * 256, "x" * 5000,
        "https://cloud.example/a%0d%0ab/s/k4YfJ2",
    ],
)  # fmt: skip
def test_what_is_no_link_is_refused(text):
    with pytest.raises(Invalid):
        parse(text)


@pytest.mark.parametrize(
    ("cloud", "there"),
    [
        ("Cloud.example", "https://cloud.example"),
        (" https://cloud.example:443/nc/index.php/ ", "https://cloud.example/nc"),
        ("http://localhost:8080/", "http://localhost:8080"),
    ],
)
def test_a_browser_is_led_to_where_ownclouds_people_say_yes(cloud, there):
    way = lead(cloud, "https://here.example", "k4YfJ2", owner="A b", name="ü&.txt", protected=True)
    assert way == (
        f"{there}/index.php/apps/files#remote=https%3A%2F%2Fhere.example&token=k4YfJ2&owner=A%20b&ownerDisplayName=A%20b"
        "&name=%C3%BC%26.txt&protected=1"
    )
    assert parse(way) == PublicLink("here.example", "", "k4YfJ2", "ü&.txt", "A b", "A b")


@pytest.mark.parametrize(
    "cloud", ["", "javascript:alert(1)", "ftp://x", "a b", "https://u@x", "x/..", "x?y", "x" * 5000]
)
def test_nobody_is_led_to_what_is_no_cloud(cloud):
    with pytest.raises(Invalid):
        lead(cloud, "https://here.example", "k4YfJ2", owner="A", name="a", protected=False)
