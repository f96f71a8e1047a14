"""Commands, options, make targets, modules, files and settings that documents name exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from stack.cli import cli
from stack.config import PREFIX, load
from tests.unit.docs.pages import ROOT, Page, pages

PAGES = pages()
BY_NAME = pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
SHELL = {"sh", "bash", "shell"}
SETTINGS = set(load(None, {}, local_stack=False).settings)
SECTIONS = {name.partition(".")[0] for name in SETTINGS}
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"var", "build"}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def pieces(one: Page) -> Iterator[str]:
    """Every line of shell and every span of code of a page."""
    yield from one.spans
    for block in one.blocks:
        if block.language in SHELL:
            yield from block.text.splitlines()
    yield from re.findall(r"^    (\S.*)$", one.prose, re.MULTILINE)  # blocks by indentation


def words_behind(one: Page, program: str) -> Iterator[list[str]]:
    """The arguments wherever a program is called."""
    for piece in pieces(one):
        for found in re.finditer(rf"(?:^|[|;&] *|exec ){program} +([^|;&#]*)", piece):
            try:
                yield shlex.split(found[1])
            except ValueError:  # a quotation that goes on in the next line
                yield found[1].split()


def unknown_in(arguments: list[str]) -> str:
    """What of a call of ``mqledger`` does not exist; empty when all does."""
    here: click.Command = cli
    context = click.Context(cli)
    for word in arguments:
        if word.startswith("-"):
            known = {
                *here.get_help_option_names(context),
                *(o for p in here.params for o in (*p.opts, *p.secondary_opts)),
            }
            if word.partition("=")[0] not in known:
                return f"{here.name} {word}"
        elif isinstance(here, click.Group) and word.islower():
            found = here.get_command(context, word)
            if found is None:
                return word
            here = found
    return ""


def is_module(name: str) -> bool:
    """Whether a module can be found."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of its package
        return False


@BY_NAME
def test_commands_and_options_exist(one: Page) -> None:
    assert [unknown for arguments in words_behind(one, "mqledger") if (unknown := unknown_in(arguments))] == []


@BY_NAME
def test_make_targets_exist(one: Page) -> None:
    asked = {word for arguments in words_behind(one, "make") for word in arguments if re.fullmatch(r"[a-z-]+", word)}
    assert asked - TARGETS == set()


@BY_NAME
def test_modules_exist(one: Page) -> None:
    named = {found for piece in pieces(one) for found in re.findall(r"python -m ([\w.]+)", piece)}
    assert {name for name in named if not is_module(name)} == set()


@BY_NAME
def test_files_exist(one: Page) -> None:
    named = {span for span in one.spans if re.fullmatch(r"[\w.\-]+(/[\w.\-]+)*/?", span) and "/" in span}
    assert {name for name in named if name.partition("/")[0] in FOLDERS and not (ROOT / name).exists()} == set()


@BY_NAME
def test_settings_exist(one: Page) -> None:
    dotted = {span for span in one.spans if re.fullmatch(r"[a-z]+\.[a-z_0-9]+", span)}
    named = {
        name for name in dotted if name.partition(".")[0] in SECTIONS and not name.endswith((".toml", ".md", ".log"))
    }
    assert {name for name in named - SETTINGS if not (is_module(name) or is_module(f"ingest.{name}"))} == set()


@BY_NAME
def test_variables_exist(one: Page) -> None:
    variables = {f"{PREFIX}{name.replace('.', '__')}".upper() for name in SETTINGS} | {f"{PREFIX}CONFIG"}
    named = set(re.findall(rf"\b({PREFIX}[A-Z0-9_]+)\b", one.text))
    assert named - variables - {f"{PREFIX}SECTION__NAME"} == set()


def test_what_does_not_exist_is_noticed() -> None:
    assert unknown_in(["replay", "--verify"]) == ""
    assert unknown_in(["replay", "--prove"]) == "replay --prove"
    assert unknown_in(["repaly"]) == "repaly"
    assert unknown_in(["config", "docs"]) == ""
