"""Runs processes of ours: waited for until ready, restarted when they die, stopped in order.

Invariants: one event loop owns everything here, and it runs in the main thread, because the kernel sends
the death signal when the *thread* that started a child ends. Every child leads its own process group, so
that a Ctrl-C in the terminal reaches the supervisor alone and the order of stopping is ours. Every child is
known to the warden, which stops the rest should the supervisor be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ops.health import Health
from stack.errors import StackError
from stack.last_words import last_words

LAUNCH = Path(__file__).parent / "local" / "launch.py"
WARDEN = Path(__file__).parent / "local" / "warden.py"
PROBE_INTERVAL = 0.05
HEALTH_INTERVAL = 1.0
LOG_BYTES = 16 * 1024 * 1024
BACKOFF_FIRST = 0.5
BACKOFF_MOST = 15.0
STEADY_AFTER = 30.0
SAY_EVERY = 2.0
STARTING = Health(False, "starting")


def no_explanation(_lines: Sequence[str]) -> str:
    """For units whose log is the only thing to read."""
    return ""


@dataclass(frozen=True, slots=True)
class Unit:
    """One process to run and what to know about it."""

    name: str
    command: tuple[str, ...]
    probe: Callable[[], Awaitable[Health]]
    """Asks whether the process serves; may raise OSError, which counts as no."""
    log: Path
    rank: int = 0
    """Place in the order of stopping: the highest goes first, since it needs those below."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM
    """What asks it to stop in an orderly way; also sent by the kernel when the supervisor dies."""
    grace: float = 15.0
    """Seconds it may take to stop before it is killed."""
    start_timeout: float = 60.0
    """Seconds it may take to become ready."""
    launch: tuple[str, ...] = ()
    """More options for ``launch.py``: how to leave root's rights."""
    explain: Callable[[Sequence[str]], str] = no_explanation
    """Reads what it logged since its start, after it failed, and gives a sentence: what, and how to mend it."""


class Report(Protocol):
    """Where the supervisor says what happens."""

    def starting(self, name: str) -> None:
        """A process is being started."""

    def waiting(self, name: str, detail: str) -> None:
        """It is not ready yet and says something new about why."""

    def ready(self, name: str, seconds: float) -> None:
        """It serves, so many seconds after its start."""

    def died(self, name: str, how: str, delay: float) -> None:
        """It ended unasked, and how, or could not be started again; it is started again after a delay in seconds."""

    def trouble(self, text: str) -> None:
        """Something is wrong that stops nothing."""

    def health(self, name: str, health: Health) -> None:
        """Its health has changed."""

    def stopping(self, name: str) -> None:
        """It is being asked to stop."""

    def stopped(self, name: str, seconds: float, killed: bool) -> None:
        """It has ended; ``killed`` when it had to be forced."""


@dataclass
class Running:
    """A unit with its process; ``process`` changes at a restart. Written by the supervisor's loop only."""

    unit: Unit
    process: asyncio.subprocess.Process
    started: float
    logged: int
    """Bytes that its log had when it was started."""
    health: Health = STARTING
    keeper: asyncio.Task[None] | None = None
    restarts: int = 0


class Supervisor:
    """Starts units and keeps them alive until told to stop."""

    def __init__(self, data: Path, report: Report, lock: int | None = None) -> None:
        """``data`` gets process id files; ``lock`` is the descriptor of its lock, handed to the warden."""
        self._run = data / "run"
        self._report = report
        self._lock = lock
        self._running: dict[str, Running] = {}
        self._warden: asyncio.subprocess.Process | None = None
        self._hiring = asyncio.Lock()
        self._stopping = False
        self._hurry = asyncio.Event()

    @property
    def running(self) -> Mapping[str, Running]:
        """Everything that was started, by name."""
        return self._running

    async def start(self, unit: Unit) -> None:
        """Start a unit and wait until it is ready. Raises StackError when it isn't to be had."""
        self._report.starting(unit.name)
        logged = log_size(unit.log)
        running = Running(unit, await self._spawn(unit), time.monotonic(), logged)
        self._running[unit.name] = running
        await self._until_ready(running)
        running.keeper = asyncio.create_task(self._keep(running), name=f"keep {unit.name}")

    async def watch(self) -> None:
        """Follow the health of everything and bound its logs until cancelled. Raises what ended a keeper."""
        while True:
            for running in list(self._running.values()):
                if running.keeper is not None and running.keeper.done():
                    running.keeper.result()
                await self._look(running)
                self._bound(running.unit.log)
            await asyncio.sleep(HEALTH_INTERVAL)

    async def stop(self) -> None:
        """Stop everything, highest rank first; each within its grace, then by force."""
        self._stopping = True
        for running in sorted(self._running.values(), key=lambda running: -running.unit.rank):
            await self._stop(running)
        self._running.clear()
        await self._dismiss_warden()

    def hurry(self) -> None:
        """Cut the grace of what is being stopped: a second Ctrl-C."""
        self._hurry.set()

    async def _spawn(self, unit: Unit) -> asyncio.subprocess.Process:
        warden = await self._the_warden()
        unit.log.parent.mkdir(parents=True, exist_ok=True)
        self._run.mkdir(parents=True, exist_ok=True)
        command = (
            *(sys.executable, "-I", "-S", str(LAUNCH)),
            *("--parent", str(os.getpid()), "--signal", str(int(unit.stop_signal))),
            *(*unit.launch, "--", *unit.command),
        )
        with unit.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **unit.environment},
                start_new_session=True,
            )
        self._tell(warden, f"add {process.pid} {unit.rank} {int(unit.stop_signal)} {unit.grace}")
        self._note(self._run / f"{unit.name}.pid", process.pid)
        return process

    def _note(self, file: Path, pid: int) -> None:
        """Write a process id down for those who look for it; a process that runs is not given up for that."""
        try:
            file.write_text(f"{pid}\n", encoding="ascii")
        except OSError as error:
            self._report.trouble(f"{file} could not be written: {error.strerror}")

    async def _until_ready(self, running: Running) -> None:
        unit = running.unit
        ended = asyncio.create_task(running.process.wait())
        said = ("", running.started)
        try:
            while not (health := await probe(unit)).ok:
                if ended.done():
                    raise StackError(_failed_start(running, f"ended with {_code(ended.result())}"))
                if time.monotonic() - running.started > unit.start_timeout:
                    raise StackError(
                        _failed_start(running, f"is not ready after {unit.start_timeout:g} s ({health.detail})")
                    )
                said = self._say_waiting(running, health, said)
                await asyncio.wait([ended], timeout=PROBE_INTERVAL)
        finally:
            ended.cancel()
        self._set_health(running, health)
        self._report.ready(unit.name, time.monotonic() - running.started)

    def _say_waiting(self, running: Running, health: Health, said: tuple[str, float]) -> tuple[str, float]:
        """Report a new reason, at most every SAY_EVERY seconds; what was said last, and when."""
        now = time.monotonic()
        if health.detail == said[0] or now - said[1] < SAY_EVERY:
            return said
        self._report.waiting(running.unit.name, health.detail)
        return health.detail, now

    async def _keep(self, running: Running) -> None:
        """Start the process again whenever it ends."""
        delay = BACKOFF_FIRST
        while True:
            code = await running.process.wait()
            self._forget(running)
            if time.monotonic() - running.started > STEADY_AFTER:
                delay = BACKOFF_FIRST
            how = f"ended with {_code(code)}"
            self._set_health(running, Health(False, how), quiet=True)
            # Who was killed has nothing to explain.
            why = running.unit.explain(tail(running.unit.log, running.logged)) if code > 0 else ""
            self._report.died(running.unit.name, f"{how} ({why.rstrip('.')})" if why else how, delay)
            delay = await self._start_again(running, delay)

    async def _start_again(self, running: Running, delay: float) -> float:
        """Wait and start the process, as often as that takes; how long to wait the next time, in seconds."""
        while True:
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACKOFF_MOST)
            running.restarts += 1
            running.started = time.monotonic()
            running.logged = log_size(running.unit.log)
            try:
                running.process = await self._spawn(running.unit)
            except OSError as error:
                self._report.died(running.unit.name, f"could not be started: {error}", delay)
            else:
                return delay

    async def _look(self, running: Running) -> None:
        health = await probe(running.unit)
        if running.process.returncode is None:
            self._set_health(running, health)

    def _set_health(self, running: Running, health: Health, quiet: bool = False) -> None:
        changed = health.ok != running.health.ok
        running.health = health
        if changed and not quiet and running.keeper is not None and not self._stopping:
            self._report.health(running.unit.name, health)

    async def _stop(self, running: Running) -> None:
        self._report.stopping(running.unit.name)
        if running.keeper is not None:
            running.keeper.cancel()
            await asyncio.wait([running.keeper])
        begun = time.monotonic()
        killed = await self._end(running)
        self._forget(running)
        self._report.stopped(running.unit.name, time.monotonic() - begun, killed)

    async def _end(self, running: Running) -> bool:
        process = running.process
        if process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(running.unit.stop_signal)
        waits = [asyncio.create_task(process.wait()), asyncio.create_task(self._hurry.wait())]
        await asyncio.wait(waits, timeout=running.unit.grace, return_when=asyncio.FIRST_COMPLETED)
        killed = process.returncode is None
        if killed:
            kill_group(process.pid)
        await waits[0]
        waits[1].cancel()
        return killed

    def _bound(self, log: Path) -> None:
        """Keep a log and one older part, each of at most LOG_BYTES: the process appends, so it may be cut."""
        if log_size(log) <= LOG_BYTES:
            return
        older = log.with_suffix(log.suffix + ".1")
        try:
            shutil.copyfile(log, older)
        except OSError as error:
            older.unlink(missing_ok=True)
            self._report.trouble(f"{log} was cut, and its older part is lost: {error.strerror}")
        os.truncate(log, 0)

    def _forget(self, running: Running) -> None:
        """The process has ended: end what it left in its group, and strike it from the lists."""
        kill_group(running.process.pid)
        if self._warden is not None:
            self._tell(self._warden, f"del {running.process.pid}")
        (self._run / f"{running.unit.name}.pid").unlink(missing_ok=True)

    async def _the_warden(self) -> asyncio.subprocess.Process:
        """The one warden, hired by the first that asks: units start side by side."""
        async with self._hiring:
            if self._warden is None:
                self._warden = await self._hire_warden()
            return self._warden

    async def _hire_warden(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(WARDEN), str(self._run.parent)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if self._lock is None else (self._lock,),
        )

    def _tell(self, warden: asyncio.subprocess.Process, line: str) -> None:
        if warden.stdin is not None and not warden.stdin.is_closing():
            warden.stdin.write(f"{line}\n".encode())

    async def _dismiss_warden(self) -> None:
        if self._warden is None or self._warden.stdin is None:
            return
        self._warden.stdin.close()
        await self._warden.wait()
        self._warden = None


async def probe(unit: Unit) -> Health:
    """Ask the unit; no answer is a no."""
    try:
        return await unit.probe()
    except (OSError, TimeoutError) as error:
        return Health(False, str(error) or type(error).__name__)


def kill_group(pid: int) -> None:
    """Kill what is left of a process group; nothing left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def log_size(log: Path) -> int:
    """Bytes of a log; 0 when there is none yet."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, since: int = 0) -> list[str]:
    """The last lines of a log, at most 64 KiB and nothing from before byte ``since``, should it be that long still."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        size = log.stat().st_size
        file.seek(max(since if since <= size else 0, size - 65_536))
        return file.read().decode("utf-8", "replace").splitlines()


def _failed_start(running: Running, how: str) -> str:
    unit = running.unit
    lines = tail(unit.log, running.logged)
    why = unit.explain(lines)
    if not why:
        words = last_words(lines)
        why = f"Its last words: {words}" if words else ""
    return f"{unit.name} {how}. {why}".rstrip() + f" (log: {unit.log})"


def _code(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name}"
