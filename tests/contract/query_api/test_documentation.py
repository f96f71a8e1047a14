"""The examples in ``docs/http-api.md`` are recorded exchanges. ``MQLEDGER_RECORD_GOLDEN=1`` writes them there anew."""

from __future__ import annotations

import json
import os
import re

from tests.contract.query_api.test_golden import FOLDER, RECORD_ENV
from tests.stackkit.services import ROOT

PAGE = ROOT / "docs" / "http-api.md"
EXAMPLE = re.compile(r"<!-- golden: ([\w-]+) -->\n```http\n(.*?)\n```\n```json\n(.*?)```", re.DOTALL)


def test_examples_are_true() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get(RECORD_ENV):
        text = EXAMPLE.sub(lambda match: example(match[1]), text)
        PAGE.write_text(text, encoding="utf-8")
    found = EXAMPLE.findall(text)
    assert found
    for match in EXAMPLE.finditer(text):
        assert match[0] == example(match[1])


def example(name: str) -> str:
    """An exchange as it stands in the page."""
    recorded = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    request = f"{recorded['request']['method']} {recorded['request']['target']}"
    body = json.dumps(json.loads(recorded["answer"]["body"]), indent=2, ensure_ascii=False)
    return f"<!-- golden: {name} -->\n```http\n{request}\n```\n```json\n{body}\n```"
