"""The settings in force as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from schemas.settings import Secret
from stack.config import Config, keys


def settings_table(config: Config, changed: bool) -> Table:
    """Key, value and source of each setting; ``changed`` leaves the defaults out."""
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold")
    for key in keys():
        setting = config.settings[key.dotted]
        if changed and setting.source == "default":
            continue
        table.add_row(key.dotted, Text(_shown(setting.value)), Text(setting.source, style="dim"))
    return table


def _shown(value: object) -> str:
    if isinstance(value, Secret):
        return "(secret, set)" if value else "(secret, unset)"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else "(empty)"
