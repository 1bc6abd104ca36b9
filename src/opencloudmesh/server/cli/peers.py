"""Other servers: how contact with them goes, and what the operator decides about one of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from opencloudmesh.client.network import check_authorities
from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.server import departures, peers, policy, rules, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show
from opencloudmesh.server.database import Tx

POLICY = ("incoming", "outgoing", "signatures")
COLUMNS = ("host", "provider", "version", *POLICY, "signs", "learnt", "lastContact", "failingSince", "error")
HOST = "HOST"


@click.command("peers")
@data_option
@json_option
def list_peers(data: str, as_json: bool) -> None:
    """List other servers, what the policy says of them, and how contact with them goes."""
    with opened(data) as (_, database):
        show(database.read_now(_peers), COLUMNS, as_json=as_json)


def _peers(tx: Tx) -> list[dict[str, Any]]:
    return [
        views.peer(
            row,
            incoming=policy.standing(tx, "in", row.host),
            outgoing=policy.standing(tx, "out", row.host),
            signatures=policy.signatures_of(tx, row.host),
        )
        for row in peers.everybody(tx)
    ]


@click.group("peer", cls=Commands)
def peer_group() -> None:
    """Decide about one other server.

    HOST is a host as in addresses (cloud.example, cloud.example:8443), for `allow`, `deny` and `signatures` also all
    below a domain (*.example) or all (*). What is decided counts at once, in a running server too.
    """


def _directions(command: Any) -> Any:
    incoming = click.option("--in", "only", flag_value="incoming", help="Only for what they send.")
    outgoing = click.option("--out", "only", flag_value="outgoing", help="Only for what is sent to them.")
    return incoming(outgoing(command))


@peer_group.command("allow")
@data_option
@_directions
@click.argument("host", metavar=HOST)
def allow(data: str, only: str | None, host: str) -> None:
    """Share with HOST, whatever the policy says of others."""
    _put(data, host, **_columns(only, rules.ALLOW))


@peer_group.command("deny")
@data_option
@_directions
@click.argument("host", metavar=HOST)
def deny(data: str, only: str | None, host: str) -> None:
    """Take nothing from HOST and send it nothing. What is shared with it opens no more until it is allowed again."""
    _put(data, host, **_columns(only, rules.DENY))


@peer_group.command("signatures")
@data_option
@click.argument("host", metavar=HOST)
@click.argument("mode", type=click.Choice([*policy.SIGNATURES, "default"]))
def signatures(data: str, host: str, mode: str) -> None:
    """Say whether messages from HOST must be signed: `default` is what the policy says for all."""
    _put(data, host, signatures=None if mode == "default" else mode)


@peer_group.command("allow-private")
@data_option
@click.argument("host", metavar=HOST)
def allow_private(data: str, host: str) -> None:
    """Let HOST have addresses in a private network."""
    _put(data, normalise_host(host), private=True)


@peer_group.command("pin-ca")
@data_option
@click.argument("host", metavar=HOST)
@click.argument("file", type=click.File())
def pin_ca(data: str, host: str, file: Any) -> None:
    """Trust the certificate of HOST only if it is from an authority in FILE (PEM)."""
    pem = file.read()
    check_authorities(pem)
    _put(data, normalise_host(host), ca=pem)


@peer_group.command("reset")
@data_option
@click.argument("host", metavar=HOST)
def reset(data: str, host: str) -> None:
    """Take back all that was decided about HOST: the policy for all counts again."""
    with opened(data) as (_, database):
        name = database.write_now(lambda tx: rules.drop(tx, host))
        click.echo(f"Nothing is decided about {name} any more.")


@peer_group.command("forget")
@data_option
@click.argument("host")
def forget(data: str, host: str) -> None:
    """Forget what is known of HOST: its document and keys, what was learnt, and that it signs.

    A server that has signed once is expected to sign again; this is how one that has stopped signing is let in. What
    was decided about it stays; see `reset`.
    """
    with opened(data) as (_, database):
        name = normalise_host(host)
        database.write_now(lambda tx: peers.forget(tx, name))
        click.echo(f"{name} was forgotten.")


@peer_group.command("purge")
@data_option
@json_option
@click.option("--contacts", "with_contacts", is_flag=True, help="Forget everybody's contacts there too.")
@click.argument("host")
def purge(data: str, as_json: bool, with_contacts: bool, host: str) -> None:
    """End everything with HOST at once, whether or not it is still there: all shares, in both directions.

    It is told nothing, and what is known of it is forgotten. What was decided about it stays: `deny` it first if it is
    to stay away.
    """
    with opened(data) as (_, database):
        name = normalise_host(host)
        ended = database.write_now(lambda tx: departures.server(tx, name, with_contacts=with_contacts))
        show([asdict(ended)], tuple(asdict(ended)), as_json=as_json, one=True)


def _columns(only: str | None, word: str) -> dict[str, str]:
    return dict.fromkeys([only] if only else ["incoming", "outgoing"], word)


def _put(data: str, host: str, **values: Any) -> None:
    with opened(data) as (_, database):
        name = database.write_now(lambda tx: rules.put(tx, host, **values))
        click.echo(f"Decided for {name}.")
