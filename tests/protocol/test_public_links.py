"""Public links in every spelling that people come by."""

from __future__ import annotations

import pytest

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.public_links import PublicLink, parse

LED = "#remote=https%3A%2F%2FCloud.example&token=k4YfJ2&owner=alice&ownerDisplayName=A&name=%2Fwork&protected=0"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://cloud.example/s/k4YfJ2", PublicLink("cloud.example", "", "k4YfJ2")),
        (" https://cloud.example/s/k4YfJ2/files/deep?x=1#y ", PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://cloud.example/index.php/s/k4YfJ2/download", PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://cloud.example:8443/nc/index.php/s/a-b_c", PublicLink("cloud.example:8443", "/nc", "a-b_c")),
        ("http://cloud.example/s/k4YfJ2", PublicLink("cloud.example", "", "k4YfJ2")),  # the scheme is not believed
        ("https://cloud.example\n/s/k4YfJ2", PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://here.example/add" + LED, PublicLink("cloud.example", "", "k4YfJ2")),
        ("https://here.example/index.php/apps/files" + LED, PublicLink("cloud.example", "", "k4YfJ2")),
        (LED, PublicLink("cloud.example", "", "k4YfJ2")),
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
