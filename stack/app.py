"""What the commands share: the configuration, read once when first needed, and the consoles."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from rich.console import Console

from stack.config import Config, load
from stack.console import console as standard_error


class App:
    """Handed to every command as click's object: ``@click.pass_obj``."""

    def __init__(self, config_file: Path | None = None) -> None:
        self._file = config_file

    @cached_property
    def config(self) -> Config:
        """The configuration in force. Raises SettingsError."""
        return load(self._file, os.environ)

    @property
    def config_for_up(self) -> Config:
        """The same less what an earlier local stack left in the data folder. Raises SettingsError."""
        return load(self._file, os.environ, local_stack=False)

    @cached_property
    def out(self) -> Console:
        """Standard output, for results."""
        return Console(highlight=False)

    @property
    def err(self) -> Console:
        """Standard error, for progress and complaints."""
        return standard_error
