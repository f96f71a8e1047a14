"""What the commands share: the configuration, read once when first needed, and the consoles."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path

from rich.console import Console

from ops import cores
from stack.config import Config, load
from stack.console import console as standard_error

WIDE = 400
"""Columns where nobody looks at a screen: each row of a table stays one line."""


class App:
    """Handed to every command as click's object: ``@click.pass_obj``."""

    def __init__(self, config_file: Path | None = None) -> None:
        self._file = config_file

    @cached_property
    def config(self) -> Config:
        """The configuration in force. Raises SettingsError."""
        return _in_force(load(self._file, os.environ))

    @property
    def reread(self) -> Config:
        """The configuration as it is now, whatever it was when it was first read. Raises SettingsError."""
        return load(self._file, os.environ)

    @property
    def config_for_up(self) -> Config:
        """The same less what an earlier local stack left in the data folder. Raises SettingsError."""
        return _in_force(load(self._file, os.environ, local_stack=False))

    @cached_property
    def out(self) -> Console:
        """Standard output, for results: as wide as the terminal, and in a pipe as wide as each line needs."""
        return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)

    @property
    def err(self) -> Console:
        """Standard error, for progress and complaints."""
        return standard_error


def _in_force(config: Config) -> Config:
    if config.stack.core_dumps:
        cores.allow()
    return config
