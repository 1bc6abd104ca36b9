"""The calls of the API that are for operators, in the table of `web/api.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.operator import audit, directories, groups, outbox, peers, policy, settings, users

CALLS: Mapping[str, Mapping[str, Callable[[Context, Account, Request], Awaitable[Response]]]] = {
    "/operator/users": {"GET": users.list_users, "POST": users.create_user},
    "/operator/users/{id}": {"GET": users.show_user, "PATCH": users.change_user, "DELETE": users.delete_user},
    "/operator/users/{id}/link": {"POST": users.create_password_link},
    "/operator/users/{id}/reset-factors": {"POST": users.reset_factors},
    "/operator/groups": {"GET": groups.list_groups, "POST": groups.create_group},
    "/operator/groups/{id}": {"GET": groups.show_group, "DELETE": groups.delete_group},
    "/operator/groups/{id}/members/{user}": {"PUT": groups.put_member, "DELETE": groups.delete_member},
    "/operator/peers": {"GET": peers.list_peers},
    "/operator/peers/{host}": {"GET": peers.show_peer},
    "/operator/peers/{host}/discover": {"POST": peers.discover_peer},
    "/operator/peers/{host}/forget": {"POST": peers.forget_peer},
    "/operator/peers/{host}/purge": {"POST": peers.purge_peer},
    "/operator/policy": {"GET": policy.show_policy, "PATCH": policy.change_policy},
    "/operator/rules": {"GET": policy.list_rules},
    "/operator/rules/{pattern}": {"PUT": policy.put_rule, "DELETE": policy.delete_rule},
    "/operator/outbox": {"GET": outbox.list_messages},
    "/operator/outbox/{id}": {"DELETE": outbox.drop_message},
    "/operator/outbox/{id}/retry": {"POST": outbox.retry_message},
    "/operator/audit": {"GET": audit.list_audit},
    "/operator/audit/export": {"GET": audit.export_audit},
    "/operator/directories": {
        "GET": directories.list_directories,
        "POST": directories.add_directory,
        "DELETE": directories.delete_directory,
    },
    "/operator/directories/refresh": {"POST": directories.refresh_directory},
    "/operator/directories/servers": {"GET": directories.list_members},
    "/operator/settings": {"GET": settings.list_settings},
    "/operator/keys": {"GET": settings.list_keys},
    "/operator/keys/rotate": {"POST": settings.rotate_keys},
    "/operator/keys/revoke": {"POST": settings.revoke_key},
}
