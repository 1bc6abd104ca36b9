"""The command line, `ocm` and `opencloudmesh` alike.

Commands work on the data folder directly, beside a running server or without one. They call the same gestures as the
API; the server's worker tells the peers. Exit codes: 0 done, 1 refused with one sentence on standard error, 2 misused.
"""

from __future__ import annotations

import click

import opencloudmesh
from opencloudmesh.server.cli import (
    circles,
    contacts,
    copies,
    directory,
    groups,
    keys,
    links,
    mesh,
    news,
    peers,
    people,
    policy,
    serving,
    sharing,
    ssh_keys,
)
from opencloudmesh.server.cli.common import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(opencloudmesh.__version__, prog_name="ocm")
def main() -> None:
    """Open Cloud Mesh: share files with people at other clouds."""


for command in (
    serving.serve,
    serving.list_settings,
    serving.welcome,
    people.user,
    groups.group_group,
    sharing.share,
    sharing.list_shares,
    sharing.list_received,
    sharing.accept,
    sharing.decline,
    sharing.change,
    sharing.unshare,
    links.link_group,
    links.request_group,
    sharing.remove,
    copies.copy_group,
    ssh_keys.ssh_key_group,
    contacts.invite_group,
    contacts.contacts_group,
    circles.circle_group,
    news.news_group,
    peers.list_peers,
    peers.peer_group,
    policy.policy_group,
    policy.list_audit,
    mesh.list_outbox,
    mesh.message_group,
    directory.directory_group,
    mesh.discover,
    keys.keys_group,
):
    main.add_command(command)
