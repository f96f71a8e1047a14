"""Text that no table can hold: an answer in every dialect, never an error of ours."""

from __future__ import annotations

import pytest

from tests.integration.dialects.live import Live

BAD = ("%00", "%ff", "a%00b", "%ed%a0%80")
TARGETS = {
    "emqx4": (
        *(
            f"/api/v4/clients?{name}={{}}"
            for name in ("clientid", "username", "zone", "ip_address", "_like_clientid", "_page")
        ),
        *(
            f"/api/v4/subscriptions?{name}={{}}"
            for name in ("clientid", "topic", "_match_topic", "share", "qos", "_limit")
        ),
        "/api/v4/clients/{}",
        "/api/v4/clients/username/{}",
        "/api/v4/clients/{}/acl_cache",
        "/api/v4/subscriptions/{}",
        "/api/v4/routes/{}",
        "/api/v4/nodes/{}",
        "/api/v4/nodes/{}/clients",
        "/api/v4/nodes/{}/plugins",
    ),
    "emq2": (
        "/api/v2/users/{}",
        "/api/v2/nodes/{}/clients",
        "/api/v2/nodes/{}/clients/{}",
        "/api/v2/clients/{}",
        "/api/v2/nodes/{}/sessions",
        "/api/v2/sessions/{}",
        "/api/v2/routes/{}",
        "/api/v2/subscriptions/{}",
        "/api/v2/monitoring/stats/{}",
        "/api/v2/management/nodes/{}",
    ),
    "fluxmq": (
        "/api/v1/sessions/{}",
        "/api/v1/sessions?prefix={}",
        "/api/v1/sessions?state={}",
        "/api/v1/sessions?page_token={}",
        "/api/v1/subscriptions?filter={}",
        "/api/v1/subscriptions?prefix={}",
        "/api/v1/subscriptions/{}/clients",
    ),
}


@pytest.mark.parametrize("dialect", TARGETS)
def test_text_that_can_not_be_kept_is_answered(live: Live, dialect: str) -> None:
    for target in TARGETS[dialect]:
        for bad in BAD:
            answer = live.ask(dialect, "GET", target.format(*[bad] * target.count("{}")))
            assert answer.status < 500, (target, bad, answer)
