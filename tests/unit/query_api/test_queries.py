"""The query files: every query named, commented, and free of anything that could come from outside."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from query_api.queries import STATES, load


def test_names_and_variants() -> None:
    names = set(load())
    for name in ("sessions", "filters", "filter_clients"):
        assert {f"{name}/{state}" for state in STATES} == {one for one in names if one.partition("/")[0] == name}
    assert {"session", "stats", "applied", "command_rows"} <= names


def test_a_name_is_given_once() -> None:
    texts = [file.read_text(encoding="utf-8") for file in (files("query_api") / "queries").iterdir() if _is_sql(file)]
    names = [name for text in texts for name in re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)]
    assert sorted(names) == sorted(set(names))
    assert {name.partition("/")[0] for name in load()} <= set(names)


def _is_sql(file: Traversable) -> bool:
    return file.name.endswith(".sql")


def test_each_query_is_one_statement_that_shows_its_name() -> None:
    for name, text in load().items():
        assert text.startswith(f"/* {name} */ ")
        assert ";" not in text
        assert "{" not in text.replace("'{}'", "")


def test_each_query_says_what_it_is_for() -> None:
    for file in (files("query_api") / "queries").iterdir():
        if _is_sql(file):
            after_names = re.findall(r"^-- name: \w+\n(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert after_names
            assert all(line.startswith("-- ") for line in after_names)


def test_every_list_and_detail_refuses_a_model_that_loads() -> None:
    for name, text in load().items():
        if name not in ("applied", "admin_applied", "ready_models", "keys", "add_key"):
            assert re.search(r"1 / \(select count\(\*\).* from model", text, re.DOTALL), name
