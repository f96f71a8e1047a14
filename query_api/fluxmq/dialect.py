"""What FluxMQ's dialect is to the shared parts."""

from __future__ import annotations

from query_api.dialect import Dialect
from query_api.fluxmq.errors import answer_error

FLUXMQ = Dialect("fluxmq", answer_error)
