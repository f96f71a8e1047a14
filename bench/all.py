"""Every benchmark, one after the other, in its short form: what ``make bench`` runs.

Each is the command of its own that it always is. One that fails does not keep the others from running; the
end says which failed, and so does the exit code. ``--full`` takes each at its own full length.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.console import Console

from bench import children
from bench.report import ROOT

LONGEST_SECONDS = 1_800.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Command:
    """A benchmark and the arguments that make it short."""

    name: str
    short: Sequence[str] = ("--short",)


COMMANDS = (
    Command("codec", ("--rounds", "3")),
    Command("ingest"),
    Command("delivery"),
    Command("latency"),
    Command("connects"),
    Command("crowd"),
    Command("idle"),
    Command("visible"),
    Command("command"),
    Command("projection", ("--scale", "0.1", "--seconds", "3")),
    Command("replay", ("--scale", "0.1", "--rounds", "2")),
    Command("paging", ("--sizes", "10000,100000", "--samples", "300")),
    Command("search"),
    Command("readers", ("--size", "100000", "--seconds", "5")),
)


def run(command: Command, full: bool) -> int:
    """Exit code of one benchmark; it is interrupted, so that it can stop what it started, when it takes too long."""
    arguments = () if full else command.short
    process = subprocess.Popen([sys.executable, "-m", f"bench.{command.name}", *arguments], cwd=ROOT)
    try:
        return process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return 128 + signal.SIGTERM
    finally:
        if process.poll() is None:
            children.stop(process, STOP_SECONDS)


@click.command(help=__doc__)
@click.option("--full", is_flag=True, help="At full length: about half an hour on two cores.")
@click.argument("names", nargs=-1)
def main(full: bool, names: tuple[str, ...]) -> None:
    """Run all, or those named, in the order of the list."""
    children.leave_in_order()
    console, failed = Console(), []
    for command in chosen(names):
        console.rule(command.name)
        begin = time.monotonic()
        code = run(command, full)
        if code:
            failed.append(f"{command.name} (exit code {code})")
        console.print(f"[dim]{command.name}: {time.monotonic() - begin:.0f} s[/dim]")
    if failed:
        raise click.ClickException("failed: " + ", ".join(failed))


def chosen(names: Sequence[str]) -> list[Command]:
    """The commands of these names, all without any; raises click.UsageError for a name that isn't one."""
    known = {command.name: command for command in COMMANDS}
    if unknown := sorted(set(names) - set(known)):
        raise click.UsageError(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(known)}")
    return [command for command in COMMANDS if not names or command.name in names]


if __name__ == "__main__":
    main()
