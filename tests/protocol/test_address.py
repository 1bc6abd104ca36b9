"""OCM Addresses and hosts in every spelling seen on the wire."""

import pytest

from opencloudmesh.protocol.address import MAX_LENGTH, Address, named_host, normalise_host
from opencloudmesh.protocol.errors import Invalid


@pytest.mark.parametrize(
    ("text", "identifier", "host"),
    [
        ("marie@cloud.example", "marie", "cloud.example"),
        ("marie@https://cloud.example", "marie", "cloud.example"),
        ("marie@https://cloud.example/", "marie", "cloud.example"),
        ("marie@http://cloud.example:8080/", "marie", "cloud.example:8080"),
        ("marie@HTTPS://Cloud.Example/index.php/apps/", "marie", "cloud.example"),
        ("marie@cloud.example/sub", "marie", "cloud.example"),
        ("  marie@cloud.example\n", "marie", "cloud.example"),
        ("marie@localhost:8443", "marie", "localhost:8443"),
        ("Marie.Curie@cloud.example", "Marie.Curie", "cloud.example"),
        ("marie@example.org@cloud.example", "marie@example.org", "cloud.example"),
        ("uuid@https://idp.example@cloud.example", "uuid@https://idp.example", "cloud.example"),
        ("marie@cloud.example@cloud.example", "marie@cloud.example", "cloud.example"),
        ("dXVpZEBpZHA=@cloud.example", "dXVpZEBpZHA=", "cloud.example"),
        ("Zoë Ünal@cloud.example", "Zoë Ünal", "cloud.example"),
        ("marie@[2001:DB8:0::1]:8443", "marie", "[2001:db8::1]:8443"),
        ("marie@192.0.2.1", "marie", "192.0.2.1"),
    ],
)
def test_an_address_is_read_in_any_spelling_and_written_in_one(text, identifier, host):
    address = Address.parse(text)
    assert (address.identifier, address.host) == (identifier, host)
    assert str(address) == f"{identifier}@{host}"
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@",
        "marie",
        "@cloud.example",
        "marie@",
        "marie@https://",
        "marie@/path",
        "marie @cloud.example",
        "ma\nrie@cloud.example",
        "ma\0rie@cloud.example",
        "ma\ud800rie@cloud.example",
        "marie@cloud example",
        "marie@ftp://cloud.example",
        "a" * MAX_LENGTH + "@cloud.example",
    ],
)
def test_what_is_no_address_is_invalid(text):
    with pytest.raises(Invalid):
        Address.parse(text)


def test_identifiers_differ_by_case_and_hosts_do_not():
    assert Address.parse("marie@Cloud.Example") == Address.parse("marie@cloud.example")
    assert Address.parse("Marie@cloud.example") != Address.parse("marie@cloud.example")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("id@cloud.example", "id"),
        ("id@cloud.example@cloud.example", "id"),
        ("id@https://Cloud.Example/@cloud.example", "id"),
        ("id@cloud.example:443@cloud.example", "id"),
        ("id@other.example@cloud.example", "id@other.example"),
        ("id@cloud.example:8443@cloud.example", "id@cloud.example:8443"),
        ("id@no host@cloud.example", "id@no host"),
        ("id@@cloud.example", "id@"),
        ("@cloud.example@cloud.example", "@cloud.example"),
        ("a@b@cloud.example@cloud.example", "a@b"),
    ],
)
def test_only_the_same_host_is_dropped_where_it_is_repeated(text, local):
    assert Address.parse(text).local == local


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("cloud.example", "cloud.example"),
        ("CLOUD.Example.", "cloud.example"),
        ("https://cloud.example/ocm?x#y", "cloud.example"),
        ("cloud.example?x", "cloud.example"),
        ("cloud.example#x", "cloud.example"),
        (" cloud.example ", "cloud.example"),
        ("cloud.example:443", "cloud.example"),
        ("cloud.example:0443", "cloud.example"),
        ("http://cloud.example:80", "cloud.example:80"),
        ("cloud.example:65535", "cloud.example:65535"),
        ("my_cloud-1.example", "my_cloud-1.example"),
        ("Käse.Example", "xn--kse-qla.example"),
        ("käse。example。", "xn--kse-qla.example"),
        ("ＣＬＯＵＤ.example", "cloud.example"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]:443", "[::1]"),
        ("[::FFFF:192.0.2.1]:8443", "[::ffff:c000:201]:8443"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_one_server_has_one_name(text, host):
    # IPv6 with an embedded IPv4 address is written differently by different versions of Python.
    assert normalise_host(text).replace("192.0.2.1", "c000:201") == host
    assert normalise_host(normalise_host(text)) == normalise_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "cloud..example",
        "cloud.example..",  # the same server as with one dot, and past a list of hosts
        "cloud。。",
        "-cloud.example",
        "cloud-.example",
        "user@cloud.example",
        "cloud.example:",
        "cloud.example:0",
        "cloud.example:65536",
        "cloud.example:8443:1",
        "cloud.example:port",
        "cloud.example:٤٤٤٤",
        "cloud.example:-1",
        "cloud.example\n/path",
        "cloud.example:8443\n/path",
        "cloud\t.example",
        "cloud%2eexample",
        "cloud\\.example",
        "https://https://cloud.example",
        "::1",
        "[::1",
        "[]",
        "[cloud.example]",
        "[192.0.2.1]",
        "[::1]8443",
        "[fe80::1%eth0]",
        "[::1%\r\nHost: other.example]",
        "[1:2:3:4:5:6:7:8:9]",
        "\ud800.example",
        "ä" * 64 + ".example",
        "a." * 127 + "example",
    ],
)
def test_what_names_no_server_is_invalid(text):
    with pytest.raises(Invalid):
        normalise_host(text)


@pytest.mark.parametrize(
    "spelled",
    [
        "u1",
        "u1@cloud.example",
        "u1@https://cloud.example",
        "u1@https://idp.example",
        "dTFAaHR0cHM6Ly9jbG91ZC5leGFtcGxl",  # u1@https://cloud.example
        "dTFAY2xvdWQuZXhhbXBsZQ==",  # u1@cloud.example
    ],
)
def test_a_person_is_the_same_however_their_server_spells_them(spelled):
    assert Address(spelled, "cloud.example").person == "u1"


def test_people_are_not_taken_for_each_other():
    identifiers = ["marie", "Marie", "marie@home.example", "marie@work.example", "bWFyaWU", "u1"]
    assert [Address(identifier, "cloud.example").person for identifier in identifiers] == identifiers


@pytest.mark.parametrize(
    "text",
    ["cloud.example", " Cloud.Example. ", "https://cloud.example", "HTTPS://cloud.example:443/apps/files/?dir=/@x#y",
     "cloud.example/login", "marie@cloud.example", "marie@example.org@cloud.example", "marie@https://cloud.example/"],
)  # fmt: skip
def test_a_server_is_named_as_people_name_it(text):
    assert named_host(text) == "cloud.example"


@pytest.mark.parametrize(
    "text",
    ["", " ", "@", "marie@", "https://", "https://marie@cloud.example", "https://cloud.example:pw@evil.example/",
     "https://cloud.example@evil.example", "javascript:alert(1)", "data:text/html,x", "ftp://cloud.example",
     "//cloud.example",
     "cloud.example\r\nHost: evil.example", "cloud example", "a" * (MAX_LENGTH + 1)],
)  # fmt: skip
def test_what_does_not_clearly_name_a_server_is_invalid(text):
    with pytest.raises(Invalid):
        named_host(text)
