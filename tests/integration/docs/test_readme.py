"""The five minutes of the README, block by block, on a fresh log: by mosquitto clients or by paho, as it offers."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import RunService
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, Stack
from tests.unit.docs.pages import ROOT, Block, page
from tests.unit.docs.running import check_output, run

CLIENTS = ("mosquitto", "paho")


@dataclass
class Whole(Stack):
    """All that `mqledger up` starts."""

    connector: Service


def steps(clients: str) -> list[tuple[Block, Block | None]]:
    """The snippets for one kind of client, each with the block that shows its output, if there is one."""
    blocks = page("README.md").blocks
    following = [*blocks[1:], None]
    return [
        (block, after if after is not None and after.mark.startswith("output") else None)
        for block, after in zip(blocks, following, strict=True)
        if block.runs[:1] == ["stack"] and (block.runs[1:] or [clients]) == [clients]
    ]


def here(block: Block, stack: Whole) -> Block:
    """The snippet with the ports of this test in place of the default ones."""
    text = block.text.replace("1883", str(stack.mqtt_port)).replace("http://127.0.0.1:8082", stack.api_url)
    return replace(block, text=text)


def command(stack: Whole, folder: Path, text: str) -> str:
    """What a command prints."""
    return run(Block(ROOT / "README.md", 0, "sh", "", text), folder, environment(stack))


def visible(stack: Whole, folder: Path) -> bool:
    """Whether all that the clients did is in the log and in the tables; a person takes longer to type."""
    ends = command(stack, folder, "mqledger events --client dashboard --kind disconnected --format json")
    lags = json.loads(command(stack, folder, "mqledger status --json"))["lags"]
    return ends.count("\n") == 2 and all(lag["applied"] >= lag["end"] for lag in lags)


def environment(stack: Whole) -> dict[str, str]:
    """The configuration that `mqledger up` would have left in the folder."""
    ports = {
        "MQLEDGER_PROJECTOR__HTTP_PORT": str(stack.projector.http_port),
        "MQLEDGER_API__PORT": str(stack.api.http_port),
        "MQLEDGER_CONNECTOR__HTTP_PORT": str(stack.connector.http_port),
    }
    return {**stack.ingest.environment, **ports}


@pytest.mark.parametrize("clients", CLIENTS)
def test_five_minutes(full_stack: Stack, run_service: RunService, tmp_path: Path, clients: str) -> None:
    if clients == "mosquitto" and shutil.which("mosquitto_sub") is None:
        pytest.skip("the mosquitto clients are not installed")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    whole = Whole(**vars(full_stack), connector=run_service("connector"))
    ran = steps(clients)
    assert len(ran) > 5
    for block, shown in ran:
        printed = run(here(block, whole), tmp_path, environment(whole))
        if shown is not None:
            check_output(shown, printed)
        if block.runs[1:]:
            eventually_sync(lambda: visible(whole, tmp_path), 30)
    assert (tmp_path / "past.json").stat().st_size > 0
