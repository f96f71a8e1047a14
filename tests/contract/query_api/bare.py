"""The API as its own ``run`` starts it: port as argument, Postgres on standard input."""

from __future__ import annotations

import sys

from query_api.main import run
from query_api.settings import ApiSettings
from schemas.settings import PostgresSettings, Secret

if __name__ == "__main__":
    dsn, schema = (line.strip() for line in sys.stdin)
    sys.exit(run(ApiSettings(port=int(sys.argv[1]), postgres=PostgresSettings(dsn=Secret(dsn), schema=schema))))
