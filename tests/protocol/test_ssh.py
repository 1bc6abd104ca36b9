"""Addresses and keys for SSH: what a peer or person says becomes part of a command, or is told to a server."""

from __future__ import annotations

import shlex

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.ssh import SshAddress, read_key


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("u1@cloud.example:22/data/a", "sftp u1@cloud.example:/data/a"),
        ("u1@Cloud.example:2222/data/a b", "sftp -P 2222 'u1@cloud.example:/data/a b'"),
        ("ssh://u-1.x+y@192.0.2.1", "sftp u-1.x+y@192.0.2.1:"),
    ],
)
def test_an_address_becomes_a_command(text, command):
    assert SshAddress.parse(text).command == command


@pytest.mark.parametrize(
    "text",
    [
        "", "cloud.example", "u@", "@cloud.example", "-oProxyCommand=x@cloud.example:22/a", "u@-oProxyCommand=x/a",
        "u@cloud.example:22/$(id)", "u@cloud.example:22/`id`", "u@cloud.example/a;id", "u@cloud.example/a|id",
        "u@cloud.example/a&id", "u@cloud.example/a\nid", "u@cloud.example/'a", 'u@cloud.example/"a',
        "u@cloud.example/a\\",
        "u@cloud.example/a>b", "u@cloud.example/a*", "u@cloud.example/a!b", "u@cloud.example/a#b",
        "u@cloud.example/%PATH%",
        "u@cloud.example:0/a", "u@cloud.example:65536/a", "u@cloud.example:22:22/a", "u:p@cloud.example/a",
        "u u@c.example/a",
        "u@cloud.example:22/" + "a" * 2000, "u@cloud.example:22/a\0", "ü@cloud.example/a", "u@cloud..example/a",
    ],
)  # fmt: skip
def test_what_a_shell_could_read_otherwise_is_no_address(text):
    with pytest.raises(Invalid):
        SshAddress.parse(text)


@given(st.text(max_size=40) | st.from_regex(r"u@a\.b:22/.{0,20}", fullmatch=True))
def test_whatever_is_said_a_command_is_one_place_to_go_to(text):
    try:
        address = SshAddress.parse(text)
    except Invalid:
        return
    words = shlex.split(address.command)
    assert words[0] == "sftp"
    assert words[-1] == f"{address.user}@{address.host}:{address.path}"
    assert len(words) in (2, 4)
    assert not set(address.command) & set('\n\r\t$`;|&<>\\"*?!#%(){}')


def written(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


# Always the same: test ids are made of it.
ED25519 = written(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.mark.parametrize(
    "key", [ED25519, written(ec.generate_private_key(ec.SECP256R1())), written(rsa.generate_private_key(65537, 2048))]
)
def test_a_public_key_is_kept_without_its_comment(key):
    assert read_key(f"  {key} marie@laptop of mine\n") == key


@pytest.mark.parametrize(
    "text",
    [
        "", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", f'command="id" {ED25519}', f"{ED25519}\n{ED25519}",
        "x" * 5000,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
        written(rsa.generate_private_key(65537, 1024)),
    ],
)  # fmt: skip
def test_what_is_no_strong_public_key_is_refused(text):
    with pytest.raises(Invalid):
        read_key(text)
