"""How large the acceptance tests are, and with which luck; the seed is printed by every test that draws lots."""

from __future__ import annotations

import os
import random

LONG = os.environ.get("MQLEDGER_ACCEPTANCE_LONG", "") == "1"
"""The long form: more kills, and victims that the short form leaves alone."""
MESSAGES = int(os.environ.get("MQLEDGER_ACCEPTANCE_MESSAGES", "6000"))
"""QoS 1 messages of a storm, over all publishers."""
ROUNDS = int(os.environ.get("MQLEDGER_ACCEPTANCE_ROUNDS", "1"))
"""How often each process is killed under a stream of commands."""
SEED = os.environ.get("MQLEDGER_ACCEPTANCE_SEED", "")
"""Seed of the random moments; empty draws a new one each time."""
PUBLISHERS = 10


def lots(name: str) -> random.Random:
    """Lots for one test, and on standard output the seed with which they can be drawn again."""
    seed = SEED or str(random.SystemRandom().getrandbits(32))
    print(f"{name}: MQLEDGER_ACCEPTANCE_SEED={seed}")
    return random.Random(f"{seed} {name}")
