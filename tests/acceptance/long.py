"""The long forms of the acceptance tests; figures and seeds are printed.

python -m tests.acceptance.long storm [--messages N] [--seed S]     SIGKILL of everything in turn, under load
python -m tests.acceptance.long restart [--messages N] [--seed S]   `mqledger up` killed whole, under load
python -m tests.acceptance.long pages [--seed S]                    walks while sessions come and go
python -m tests.acceptance.long commands [--rounds N] [--seed S]    commands while each process is killed, N times

Other arguments go to pytest: -k "node".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "storm": "test_kill_storm.py",
    "restart": "test_restart.py",
    "pages": "test_pages_under_churn.py",
    "commands": "test_commands_in_a_storm.py",
}
STORM_MESSAGES = 200_000


def main() -> int:
    """Run one of the tests with large numbers; pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=FILES)
    parser.add_argument("--messages", type=int, default=STORM_MESSAGES, help="QoS 1 messages of each storm")
    parser.add_argument("--rounds", type=int, default=5, help="how often each process is killed under commands")
    parser.add_argument("--seed", default="", help="seed of the random moments, as an earlier run printed it")
    options, for_pytest = parser.parse_known_args()
    environment = {
        **os.environ,
        "MQLEDGER_ACCEPTANCE_LONG": "1",
        "MQLEDGER_ACCEPTANCE_MESSAGES": str(options.messages),
        "MQLEDGER_ACCEPTANCE_ROUNDS": str(options.rounds),
        "MQLEDGER_ACCEPTANCE_SEED": options.seed,
    }
    file = f"tests/acceptance/{FILES[options.what]}"
    command = [sys.executable, "-m", "pytest", file, "-s", "-v", *for_pytest]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
