"""What the operator decides about all other servers, and what came of it: the policy and the audit trail."""

from __future__ import annotations

import time

import click

from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import audit, policy, rules, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show

RULE_COLUMNS = ("pattern", "incoming", "outgoing", "signatures", "private", "ca")
AUDIT_COLUMNS = ("at", "event", "direction", "outcome", "host", "who", "account", "by", "verified", "reason")
NOBODY = "nobody"


@click.group("policy", cls=Commands)
def policy_group() -> None:
    """Decide who may talk to this cloud, and to whom it talks."""


@policy_group.command("show")
@data_option
@json_option
def show_policy(data: str, as_json: bool) -> None:
    """Show the policy in force, and what is decided about single servers."""
    with opened(data) as (_, database):
        in_force, rows = database.read_now(lambda tx: (policy.current(tx), rules.listing(tx)))
        words = {
            name: [word for word in knob.words if word in in_force.words[name]] for name, knob in policy.KNOBS.items()
        }
        decided = [views.rule(row) for row in rows]
        if as_json:
            click.echo(encode_json({"policy": words, "rules": decided}))
            return
        for name, knob in policy.KNOBS.items():
            click.echo(f"{name + ':':<12}{' '.join(words[name]) or NOBODY}")
            click.echo(click.wrap_text(knob.help.replace("`", ""), 100, "    ", "    "))
        click.echo("\nSingle servers:")
        show(decided, RULE_COLUMNS, as_json=False)


@policy_group.command("set")
@data_option
@click.argument("name", type=click.Choice(list(policy.KNOBS)))
@click.argument("words", nargs=-1, required=True)
def set_policy(data: str, name: str, words: tuple[str, ...]) -> None:
    """Set one of the lines that `ocm policy show` shows, to words or to `nobody`. It counts at once."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: policy.put(tx, name, () if words == (NOBODY,) else words))
        click.echo(f"{name}: {' '.join(words)}")


@click.command("audit")
@data_option
@json_option
@click.option("--host", help="Only what is about this server.")
@click.option("--as", "account", metavar="NAME", help="Only what is about this person, or was decided by them.")
@click.option("--event", type=click.Choice(audit.EVENTS), help="Only this kind.")
@click.option("--outcome", type=click.Choice(["done", "refused", "failed"]), help="Only what came out so.")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1), help="Only the newest.")
def list_audit(data: str, as_json: bool, host: str | None, account: str | None, event: str | None,
               outcome: str | None, days: int, limit: int | None) -> None:  # fmt: skip
    """Show what crossed servers, what was refused and why, and what was decided. `--json` exports it."""
    since = int(time.time()) - days * 86_400
    with opened(data) as (_, database):
        rows = database.read_now(
            lambda tx: audit.listing(
                tx, host=host, account=account, event=event, outcome=outcome, since=since, limit=limit
            )
        )
        show([views.audit(row) for row in rows], AUDIT_COLUMNS, as_json=as_json)
