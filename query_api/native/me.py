"""Who asks."""

from __future__ import annotations

from typing import Final

from query_api.access.principal import PERMISSIONS, Permission
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.shapes import Shape
from query_api.native.text import Role

section: Final = Section("access", writes=Permission.ADMINISTER)


class Me(Shape, frozen=True):
    """Who asks, and what they may do."""

    name: str
    """Of the account, or the app id of the key; `loopback` for a caller without any."""
    role: Role
    tenant: str
    """The only tenant; `*` for all."""
    acts_on: str
    """The tenant that this request was about."""
    permissions: list[str]


@section.get(
    "/me",
    Me,
    example=Example(
        answer={"name": "ops", "role": "viewer", "tenant": "*", "acts_on": "default", "permissions": ["read"]}
    ),
)
async def get_me(call: Call) -> Reply:
    """Who I am."""
    principal = call.asked.principal
    permissions = sorted(PERMISSIONS[principal.role])
    return Reply(Me(principal.name, principal.role.value, principal.tenant, call.tenant, [*permissions]))
