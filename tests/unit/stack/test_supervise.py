"""Supervision with small processes: readiness, restarts, order, force, and no orphans."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from ops.health import Health
from stack.errors import StackError
from stack.local import warden
from stack.supervise import LAUNCH, LOG_BYTES, Supervisor, Unit
from tests.stackkit.eventually import eventually

ROOT = Path(__file__).resolve().parents[3]


class Told:
    """Remembers what the supervisor reports."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def starting(self, name: str) -> None:
        self.events.append(f"starting {name}")

    def waiting(self, name: str, detail: str) -> None:
        self.events.append(f"waiting {name} {detail}")

    def ready(self, name: str, seconds: float) -> None:
        self.events.append(f"ready {name}")

    def died(self, name: str, how: str, delay: float) -> None:
        self.events.append(f"died {name} {how} {delay:g}")

    def trouble(self, text: str) -> None:
        self.events.append(f"trouble {text}")

    def health(self, name: str, health: Health) -> None:
        self.events.append(f"health {name} {health.ok}")

    def stopping(self, name: str) -> None:
        self.events.append(f"stopping {name}")

    def stopped(self, name: str, seconds: float, killed: bool) -> None:
        self.events.append(f"{'killed' if killed else 'stopped'} {name}")


def unit(folder: Path, name: str, script: str, **more: object) -> Unit:
    """A Python process that is ready once it has made a file of its name."""
    beginning = f"import os, signal, sys, time, pathlib\nready = pathlib.Path({str(folder / name)!r})\n"
    values: dict[str, object] = {
        "command": (sys.executable, "-I", "-S", "-c", beginning + textwrap.dedent(script)),
        "probe": when_there(folder / name),
        "log": folder / f"{name}.log",
        "grace": 10.0,
        "start_timeout": 20.0,
        **more,
    }
    return Unit(name=name, **values)  # type: ignore[arg-type]


def when_there(file: Path) -> Callable[[], Awaitable[Health]]:
    async def probe() -> Health:
        return Health(file.exists(), "no file yet")

    return probe


SERVE = "ready.touch()\ntime.sleep(600)\n"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVE


async def test_units_start_when_ready_and_stop_by_rank(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor(tmp_path, told)
    await supervisor.start(unit(tmp_path, "api", SERVE, rank=4))
    await supervisor.start(unit(tmp_path, "kafka", SERVE, rank=1))
    pid = int((tmp_path / "run" / "kafka.pid").read_text())
    assert psutil.pid_exists(pid)
    await supervisor.stop()
    assert [event for event in told.events if event.startswith(("ready", "stopped"))] == [
        "ready api",
        "ready kafka",
        "stopped api",
        "stopped kafka",
    ]
    assert not psutil.pid_exists(pid)
    assert list((tmp_path / "run").iterdir()) == []


async def test_one_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor(tmp_path, told)
    await supervisor.start(unit(tmp_path, "deaf", STUBBORN, grace=0.2))
    await supervisor.stop()
    assert told.events[-1] == "killed deaf"


async def test_a_second_wish_to_stop_cuts_the_grace(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor(tmp_path, told)
    await supervisor.start(unit(tmp_path, "deaf", STUBBORN, grace=600.0))
    stopping = asyncio.create_task(supervisor.stop())
    await eventually(lambda: "stopping deaf" in told.events)
    supervisor.hurry()
    await asyncio.wait_for(stopping, 10)
    assert told.events[-1] == "killed deaf"


async def test_a_start_that_fails_quotes_the_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Told())
    with pytest.raises(
        StackError, match=r"^bad ended with exit code 3\. Its last words: no such thing \(log: .*bad\.log\)$"
    ):
        await supervisor.start(unit(tmp_path, "bad", "sys.stderr.write('first\\nno such thing\\n')\nsys.exit(3)\n"))
    await supervisor.stop()


async def test_a_start_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Told())
    with pytest.raises(StackError, match=r"slow is not ready after 0\.3 s \(no file yet\)"):
        await supervisor.start(unit(tmp_path, "slow", "time.sleep(600)\n", start_timeout=0.3))
    await supervisor.stop()


async def test_what_dies_comes_back_with_growing_delay_and_takes_its_children_along(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor(tmp_path, told)
    script = f"""
        import subprocess
        child = subprocess.Popen([{sys.executable!r}, "-I", "-S", "-c", "import time; time.sleep(600)"])
        pathlib.Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
    """
    await supervisor.start(unit(tmp_path, "worker", textwrap.dedent(script) + SERVE))
    watching = asyncio.create_task(supervisor.watch())
    child = int((tmp_path / "child").read_text())
    for delay in ("0.5", "1"):
        running = supervisor.running["worker"]
        pid = running.process.pid
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda d=delay: f"died worker ended with signal SIGKILL {d}" in told.events)  # type: ignore[misc]
        await eventually(lambda r=running, p=pid: r.process.pid != p)  # type: ignore[misc]
    await eventually(lambda: told.events[-1] == "health worker True")
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    watching.cancel()
    await supervisor.stop()
    assert told.events[-1] == "stopped worker"


SUPERVISE = """
import asyncio, sys
from pathlib import Path
from tests.unit.stack.test_supervise import SERVE, STUBBORN, Told, unit
from stack.supervise import Supervisor

async def main():
    folder = Path(sys.argv[1])
    supervisor = Supervisor(folder, Told())
    await supervisor.start(unit(folder, "good", SERVE))
    await supervisor.start(unit(folder, "deaf", STUBBORN, grace=0.5, rank=1))
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_killed_supervisor_leaves_nothing_not_even_the_deaf(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"ready\n"
    supervisor.stdout.close()
    family = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(family) == 3, "two units and the warden"
    supervisor.kill()
    supervisor.wait(10)
    await eventually(lambda: not [one for one in family if alive(one)], 10, lambda: family)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
async def test_the_kernel_alone_ends_a_child_when_the_warden_is_killed_too(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"ready\n"
    supervisor.stdout.close()
    family = psutil.Process(supervisor.pid).children(recursive=True)
    good = psutil.Process(int((tmp_path / "run" / "good.pid").read_text()))
    deaf = psutil.Process(int((tmp_path / "run" / "deaf.pid").read_text()))
    for process in family:
        if process.pid not in (good.pid, deaf.pid):
            process.kill()
    supervisor.kill()
    supervisor.wait(10)
    await eventually(lambda: not alive(good), 10)
    deaf.kill()


def test_a_child_whose_supervisor_has_gone_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCH), "--parent", "1", "--signal", "15", "--", "echo", "hello"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the supervisor has gone" in done.stderr


async def test_logs_are_bounded(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Told())
    await supervisor.start(unit(tmp_path, "talker", SERVE))
    log = supervisor.running["talker"].unit.log
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    watching = asyncio.create_task(supervisor.watch())
    await eventually(lambda: log.stat().st_size == 0)
    assert log.with_suffix(".log.1").stat().st_size == LOG_BYTES + 1
    watching.cancel()
    await supervisor.stop()


FULL_DISK = Path("/dev/full")
"""Takes no byte, as a disk without room."""


class FullOnceDied(Told):
    """The disk is full from the first death on."""

    def __init__(self, note: Path) -> None:
        super().__init__()
        self._note = note

    def died(self, name: str, how: str, delay: float) -> None:
        super().died(name, how, delay)
        self._note.symlink_to(FULL_DISK)


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs /dev/full")
async def test_a_full_disk_keeps_nothing_from_being_started_again(tmp_path: Path) -> None:
    note = tmp_path / "run" / "worker.pid"
    told = FullOnceDied(note)
    supervisor = Supervisor(tmp_path, told)
    await supervisor.start(unit(tmp_path, "worker", SERVE))
    watching = asyncio.create_task(supervisor.watch())
    running = supervisor.running["worker"]
    first = running.process.pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: told.events[-1] == "health worker True")
    assert f"trouble {note} could not be written: No space left on device" in told.events
    assert running.process.pid != first
    watching.cancel()
    await supervisor.stop()
    assert not psutil.pid_exists(running.process.pid)


async def test_what_cannot_be_started_is_tried_until_it_can(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor(tmp_path, told)
    await supervisor.start(unit(tmp_path, "worker", SERVE))
    watching = asyncio.create_task(supervisor.watch())
    os.kill(supervisor.running["worker"].process.pid, signal.SIGKILL)
    await eventually(lambda: any(event.startswith("died worker ended") for event in told.events))
    (tmp_path / "run").rmdir()
    (tmp_path / "run").touch()  # where its folder should be
    await eventually(lambda: any(event.startswith("died worker could not be started") for event in told.events))
    (tmp_path / "run").unlink()
    await eventually(lambda: told.events[-1] == "health worker True")
    watching.cancel()
    await supervisor.stop()


async def test_what_a_failed_start_says_is_of_that_start(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Told())
    (tmp_path / "bad.log").write_text("old trouble\n")
    explained = unit(tmp_path, "bad", "sys.stderr.write('new trouble\\n')\nsys.exit(3)\n", explain="; ".join)
    with pytest.raises(StackError, match=r"^bad ended with exit code 3\. new trouble \("):
        await supervisor.start(explained)
    await supervisor.stop()


async def test_units_that_start_side_by_side_share_one_warden(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Told())
    before = set(psutil.Process().children())
    await asyncio.gather(*(supervisor.start(unit(tmp_path, name, SERVE)) for name in ("kafka", "postgres")))
    children = set(psutil.Process().children()) - before
    wardens = [child for child in children if any("warden.py" in word for word in child.cmdline())]
    assert len(wardens) == 1
    await supervisor.stop()
    assert not wardens[0].is_running()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs descriptors of processes")
def test_the_warden_spares_who_got_the_id_of_one_that_has_ended() -> None:
    ended = subprocess.Popen(["true"], start_new_session=True)
    handle = os.pidfd_open(ended.pid)
    ended.wait()
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        warden.Child(stranger.pid, rank=0, stop=signal.SIGTERM, grace=0.1, handle=handle).stop_and_kill()
        with pytest.raises(subprocess.TimeoutExpired):
            stranger.wait(0.2)
    finally:
        os.close(handle)
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs descriptors of processes")
def test_the_warden_ends_what_one_that_has_ended_left() -> None:
    leader = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!"], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert leader.stdout is not None
    handle = os.pidfd_open(leader.pid)
    left = psutil.Process(int(leader.stdout.readline()))
    leader.stdout.close()
    leader.wait()
    warden.Child(leader.pid, rank=0, stop=signal.SIGTERM, grace=0.1, handle=handle).stop_and_kill()
    os.close(handle)
    psutil.wait_procs([left], 10)
    assert not alive(left)


async def test_the_warden_of_a_killed_supervisor_removes_what_told_of_the_run(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"ready\n"
    supervisor.stdout.close()
    told = tmp_path / "run" / "local.toml"
    told.write_text("[postgres]\n")
    supervisor.kill()
    supervisor.wait(10)
    await eventually(lambda: not list((tmp_path / "run").iterdir()), 10)


def test_the_wrapper_and_the_warden_use_the_standard_library_alone() -> None:
    for file in (LAUNCH, LAUNCH.parent / "warden.py"):
        imported = re.findall(r"^(?:import|from) (\w+)", file.read_text(), re.MULTILINE)
        assert set(imported) <= sys.stdlib_module_names
