"""Writes ``docs/configuration.md`` from the settings themselves."""

from __future__ import annotations

from itertools import groupby

from schemas.settings import Secret
from stack.config import Key, keys, section_docs

HEAD = """# Configuration

Made by `make docs` from the settings in the code; a test keeps it current.

Every command reads one TOML file, named by `--config FILE` or `MQLEDGER_CONFIG`, and the environment. A setting
is `name` in the section `[section]` of the file and `MQLEDGER_SECTION__NAME` (two underscores before the
name) in the environment. What counts, strongest first:

1. the environment,
2. the file,
3. the local stack that `mqledger up` runs in the data folder (it says in `var/run/local.toml` how to reach it),
4. the defaults below.

Everything is checked when a command starts; what is wrong is listed with where it came from and what is allowed.
`mqledger config show` prints the settings in force and their sources. Secrets are never printed.

```toml
# mqledger.toml
[kafka]
bootstrap = "kafka-1:9092,kafka-2:9092,kafka-3:9092"
replication = 3
min_insync = 2

[postgres]
dsn = "postgresql://mqledger@db:5432/mqledger"   # or MQLEDGER_POSTGRES__DSN, out of the file

[mqtt]
port = 1883
```
"""


def configuration_markdown() -> str:
    """The whole document."""
    docs = section_docs()
    parts = [HEAD]
    for section, group in groupby(keys(), key=lambda key: key.section):
        parts.append(f"\n## [{section}]\n\n{docs[section]}\n\n" + _table(list(group)))
    return "".join(parts)


def _table(rows: list[Key]) -> str:
    lines = ["| setting | default | allowed | what it is |", "|---|---|---|---|"]
    lines += [f"| `{key.name}` | {_default(key)} | {_cell(key.allowed)} | {_cell(key.doc)} |" for key in rows]
    return "\n".join(lines) + "\n"


def _default(key: Key) -> str:
    if isinstance(key.default, Secret):
        return "a secret" if key.default else "unset"
    if key.default == "":
        return "empty"
    return f"`{str(key.default).lower() if isinstance(key.default, bool) else key.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")
