"""The long form of the fault tests.

python -m tests.faults.broker.long [--messages N] [--away SECONDS] [--seed S]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def main() -> int:
    """Run the tests of this folder with large numbers; pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000, help="QoS 1 messages of each storm")
    parser.add_argument("--away", type=float, default=30.0, help="seconds that Kafka is away")
    parser.add_argument("--seed", default="", help="seed of the random moments, as an earlier run printed it")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest, behind --")
    options = parser.parse_args()
    environment = {
        **os.environ,
        "MQLEDGER_FAULT_MESSAGES": str(options.messages),
        "MQLEDGER_FAULT_AWAY": str(options.away),
        "MQLEDGER_FAULT_SEED": options.seed,
    }
    command = [sys.executable, "-m", "pytest", "tests/faults/broker", "-s", "-v", *options.pytest]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
