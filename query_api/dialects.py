"""Every dialect that is served: its endpoints, and how it is found on a port that several share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from litestar.handlers import HTTPRouteHandler

from query_api.bifromq.dialect import BIFROMQ
from query_api.bifromq.routes import routes as bifromq_routes
from query_api.cedalo.dialect import CEDALO
from query_api.cedalo.routes import routes as cedalo_routes
from query_api.dialect import Dialect
from query_api.emq2.dialect import EMQ2
from query_api.emq2.routes import routes as emq2_routes
from query_api.emqx4.dialect import EMQX4
from query_api.emqx4.routes import PREFIX as EMQX4_PREFIX
from query_api.emqx4.routes import routes as emqx4_routes
from query_api.fluxmq.dialect import FLUXMQ
from query_api.fluxmq.routes import routes as fluxmq_routes
from query_api.native.problems import DIALECT as NATIVE
from query_api.native.routes import routes as native_routes
from query_api.service import Service
from query_api.settings import DialectSettings

Routes: TypeAlias = Callable[[Service], list[HTTPRouteHandler]]


@dataclass(frozen=True, slots=True)
class Served:
    """A dialect with its endpoints."""

    dialect: Dialect
    routes: Routes
    prefixes: tuple[str, ...] = ()
    """Its paths, with all below each, on a port that it shares; none: whatever is left."""
    port: str = ""
    """The setting of ``dialects`` with its port; empty: always on that of the API."""

    def port_of(self, settings: DialectSettings) -> int:
        """The port of its own; 0 for that of the API."""
        return getattr(settings, self.port) if self.port else 0

    def owns(self, path: str) -> bool:
        """Whether a path on a shared port is meant for this dialect."""
        plain = "/" + path.lstrip("/")
        return any(plain == prefix or plain.startswith(prefix + "/") for prefix in self.prefixes)


BASE = Served(FLUXMQ, fluxmq_routes)
"""Answers what belongs to nobody else."""
OTHERS: tuple[Served, ...] = (
    Served(NATIVE, native_routes, ("/api/mqledger",)),
    Served(BIFROMQ, bifromq_routes, ("/pub", "/retain", "/session", "/kill", "/sub", "/unsub"), "bifromq_port"),
    Served(EMQX4, emqx4_routes, (EMQX4_PREFIX,), "emqx4_port"),
    Served(EMQ2, emq2_routes, ("/api/v2",), "emq2_port"),
    Served(
        CEDALO,
        cedalo_routes,
        ("/api/connections", "/api/profile", "/auth", "/login", "/logout", "/validate-session"),
        "cedalo_port",
    ),
)
"""Asked in this order whether a path is theirs."""


def served(settings: DialectSettings) -> tuple[Served, ...]:
    """All but the base, without those that are off."""
    return tuple(one for one in OTHERS if one.dialect.name not in settings.unserved)
