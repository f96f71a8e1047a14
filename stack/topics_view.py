"""``mqledger topics``: what was done with each topic, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ingest.log.topic_check import TopicError, check_topics
from schemas.settings import KafkaSettings
from stack.errors import StackError
from stack.topics import TopicState, ensure_topics


async def show_topics(settings: KafkaSettings, out: Console, *, mend: bool, check: bool) -> int:
    """Create and check, or only check; the exit code. Raises StackError for what is wrong."""
    if check:
        await _check(settings)
        out.print("the topics are as they must be")
        return 0
    states = await ensure_topics(settings, mend)
    out.print(_table(states))
    problems = [problem for state in states for problem in state.problems]
    for problem in problems:
        out.print(f"[red]✗[/] {problem}")
    return 1 if problems else 0


async def _check(settings: KafkaSettings) -> None:
    try:
        await check_topics(settings)
    except TopicError as error:
        raise StackError(str(error)) from error


def _table(states: tuple[TopicState, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("topic", "partitions", "replicas", "holds", "state"):
        table.add_column(column, overflow="fold")
    for state in states:
        found = state.found
        word = f"[red]{state.action}, wrong[/]" if state.problems else f"[green]{state.action}[/]"
        numbers = (str(found.partitions), str(found.replication)) if found else ("-", "-")
        table.add_row(state.spec.name, *numbers, state.spec.purpose, word)
    return table
