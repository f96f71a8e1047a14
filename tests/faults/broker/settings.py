"""How large the faults are, and with which luck; printed by every test that draws lots."""

from __future__ import annotations

import os
import random

MESSAGES = int(os.environ.get("MQLEDGER_FAULT_MESSAGES", "10000"))
"""QoS 1 messages of a storm, over all publishers."""
AWAY = float(os.environ.get("MQLEDGER_FAULT_AWAY", "10"))
"""Seconds that Kafka is away."""
SEED = os.environ.get("MQLEDGER_FAULT_SEED", "")
"""Seed of the random moments; empty draws a new one each time."""
PUBLISHERS = 10


def moments(name: str, count: int, messages: int) -> list[int]:
    """``count`` numbers of acknowledged messages at which to strike, in order, and their seed on standard output."""
    seed = SEED or str(random.SystemRandom().getrandbits(32))
    lots = random.Random(f"{seed} {name}")
    struck = sorted(lots.sample(range(messages // 10, messages * 9 // 10), count))
    print(f"{name}: MQLEDGER_FAULT_SEED={seed} strikes at {struck} of {messages} acknowledged messages")
    return struck
