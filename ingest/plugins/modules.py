"""Which modules of a node run: as ``mq.admin`` said last, else as configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.admin import AdminState

ACL = "acl"
"""Access rules are asked."""
PASSWORDS = "password_authentication"
"""Nobody is let in without a password."""
RETAINER = "retainer"
"""Messages are retained, and sent to new subscriptions."""
SYS = "sys"
"""The node tells about itself under ``$SYS``."""
_NAMES = (ACL, RETAINER, SYS)


class Modules:
    """What runs, as of what has been applied of ``mq.admin``."""

    def __init__(self, configured: str, admin: AdminState, own: Mapping[str, Callable[[], bool]]) -> None:
        """``configured``: names of modules that run, beside access rules, unless somebody has said otherwise, with
        commas between. ``own``: modules that know by themselves whether they run."""
        self._configured = {ACL, *(name.strip() for name in configured.split(","))}
        self._admin = admin
        self._own = own

    def active(self, name: str) -> bool:
        """Whether a module runs."""
        if name in self._own:
            return self._own[name]()
        return self._admin.plugins.get(name, name in self._configured)

    @property
    def running(self) -> list[str]:
        """The names of those that run."""
        return [name for name in sorted({*_NAMES, *self._own}) if self.active(name)]
