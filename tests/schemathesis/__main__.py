"""``python -m tests.schemathesis --url http://127.0.0.1:8082 --minutes 20 --dialect native``: tests a running API.

For each dialect ``<dialect>.toml`` beside this file says which checks its original contradicts; for the native API it
switches none off. (All are on by default; naming them on the command line would win over the file.) It changes what it
finds, and its wrong logins are many: point it at a stack that nobody needs, with ``access.anonymous`` none, and
``access.failures_by_address`` and ``access.failures_by_name`` at 1000000.
"""

from __future__ import annotations

import argparse
import base64
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
DOCUMENTS: Final = {"native": "/api/mqledger/v1/openapi.json", "fluxmq": "/schema/openapi.json"}
"""Where a dialect serves its OpenAPI document; those of the others lie beside this file as ``<dialect>.json``."""
BASES: Final = {"native": "/api/mqledger/v1"}


@dataclass(frozen=True)
class Target:
    """An API, and as whom to ask it."""

    url: str
    user: str = ""
    secret: str = ""

    def position(self) -> str:
        """A position that it gives."""
        request = urllib.request.Request(self.url + "/api/mqledger/v1/me", headers=self._headers())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.headers.get("mqledger-position", ""))

    def _headers(self) -> dict[str, str]:
        if not self.user:
            return {}
        return {"authorization": "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()}


def run(dialect: str, target: Target, options: Sequence[str]) -> int:
    """Test a dialect; ``options`` are those of ``schemathesis run``. The exit code is 0 when all checks hold."""
    document = target.url + DOCUMENTS[dialect] if dialect in DOCUMENTS else str(FOLDER / f"{dialect}.json")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(FOLDER / f"{dialect}.toml")]
    command += ["run", document, "--url", target.url + BASES.get(dialect, "")]
    command += ["--auth", f"{target.user}:{target.secret}"] if target.user else []
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.schemathesis.hooks",
        "POSITION": target.position(),
        "ACCOUNT": target.user,
    }
    with tempfile.TemporaryDirectory(prefix="mqledger-schemathesis-") as folder:
        environment["PYTHONPATH"] = str(FOLDER.parents[1])
        done = subprocess.run([*command, *options], cwd=folder, env=environment, check=False)
    return done.returncode


def main() -> int:
    """The command line."""
    known = sorted(file.stem for file in FOLDER.glob("*.toml"))
    parser = argparse.ArgumentParser(prog="python -m tests.schemathesis", description=__doc__)
    parser.add_argument("--url", required=True, help="the API, without a path")
    parser.add_argument("--dialect", choices=known, default="native")
    parser.add_argument("--user", default="")
    parser.add_argument("--secret", default=os.environ.get("MQLEDGER_REMOTE__SECRET", ""))
    parser.add_argument("--minutes", type=float, default=20.0)
    given, more = parser.parse_known_args()
    target = Target(given.url.rstrip("/"), given.user, given.secret)
    return run(given.dialect, target, ["--max-time", str(int(given.minutes * 60)), *more])


if __name__ == "__main__":
    sys.exit(main())
