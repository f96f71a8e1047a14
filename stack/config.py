"""Fills the settings of every service from one TOML file and the environment.

A setting has a key ``section.name``: ``[mqtt] port = 1883`` in the file, ``MQLEDGER_MQTT__PORT`` in the
environment. Sections are the nested dataclasses of the services, so ``kafka`` and ``postgres`` are shared.
What counts, strongest first: environment, the file, the local stack that runs in the data folder,
defaults. Everything wrong is told at once, with the key, where it came from and what is allowed. The value of
a Secret never appears in any text made here.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from connector.settings import ConnectorSettings
from ingest.settings import IngestSettings
from projector.settings import ProjectorSettings
from query_api.settings import ApiSettings
from schemas.settings import KafkaSettings, PostgresSettings, Secret, SettingsError
from stack.limits import LIMITS, contradictions
from stack.local.lock import LOCAL_FILE, in_use
from stack.settings import StackSettings

PREFIX = "MQLEDGER_"
CONFIG_VARIABLE = "MQLEDGER_CONFIG"
ROOTS: Mapping[str, type] = {
    "ingest": IngestSettings,
    "projector": ProjectorSettings,
    "api": ApiSettings,
    "connector": ConnectorSettings,
    "stack": StackSettings,
}
"""The section of each service's own settings; its nested dataclasses are sections of their own."""
SHARED = ("kafka", "postgres", "connections")
"""Sections that several services use."""
TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})
KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Secret: "text",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: what it is called, its type, its default and what it is for."""

    section: str
    name: str
    type: type
    default: object
    doc: str

    @property
    def dotted(self) -> str:
        """The name in messages and documents."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.section}__{self.name}".upper()

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        limit = LIMITS.get(self.dotted)
        return f"{KINDS[self.type]}, {limit.allowed}" if limit else KINDS[self.type]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it came from."""

    value: object
    source: str


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting with its source, valid as a whole."""

    settings: Mapping[str, Setting]

    @property
    def ingest(self) -> IngestSettings:
        """Settings of an ingest node."""
        return self._build(IngestSettings, "ingest")

    @property
    def projector(self) -> ProjectorSettings:
        """Settings of a projector."""
        return self._build(ProjectorSettings, "projector")

    @property
    def api(self) -> ApiSettings:
        """Settings of the query API."""
        return self._build(ApiSettings, "api")

    @property
    def connector(self) -> ConnectorSettings:
        """Settings of the connector."""
        return self._build(ConnectorSettings, "connector")

    @property
    def stack(self) -> StackSettings:
        """Settings of the command line."""
        return self._build(StackSettings, "stack")

    @property
    def kafka(self) -> KafkaSettings:
        """Where Kafka is."""
        return self._build(KafkaSettings, "kafka")

    @property
    def postgres(self) -> PostgresSettings:
        """Where Postgres is."""
        return self._build(PostgresSettings, "postgres")

    def environment(self, **changes: object) -> dict[str, str]:
        """Variables that give another process this configuration; ``section__name=value`` changes some.

        Holds secrets: hand it to the process, never print it.
        """
        values = {key.dotted: self.settings[key.dotted].value for key in keys()}
        values |= {name.replace("__", ".", 1): value for name, value in changes.items()}
        return {key.variable: _as_text(values[key.dotted]) for key in keys()}

    def _build(self, cls: type[T], section: str) -> T:
        values = {}
        for name, kind in _hints(cls).items():
            nested = dataclasses.is_dataclass(kind) and kind is not Secret
            values[name] = self._build(kind, name) if nested else self.settings[f"{section}.{name}"].value
        return cls(**values)


def load(path: Path | None, environ: Mapping[str, str], *, local_stack: bool = True) -> Config:
    """The configuration of this process. Raises SettingsError that lists everything wrong.

    ``local_stack`` false leaves out what a stack that runs in the data folder says: for who starts one.
    """
    problems: list[str] = []
    chosen = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    given = _from_environment(environ, problems)
    if chosen is not None:
        given = {**_from_file(chosen, problems), **given}
    if local_stack:
        given = {**_from_local_stack(given, problems), **given}
    settings = {key.dotted: given.get(key.dotted, Setting(key.default, "default")) for key in keys()}
    problems.extend(_out_of_range(settings))
    problems.extend(contradictions(lambda dotted: _plain(settings[dotted].value)))
    if problems:
        raise SettingsError("The configuration is wrong:\n" + "\n".join(f"  - {line}" for line in problems))
    return Config(settings)


@cache
def keys() -> tuple[Key, ...]:
    """Every setting there is, each section in one piece, shared ones first."""
    found: dict[str, Key] = {}
    for section, cls in ROOTS.items():
        for key in _walk(section, cls):
            found.setdefault(key.dotted, key)
    sections = [*SHARED, *(section for section in dict.fromkeys(key.section for key in found.values()))]
    return tuple(sorted(found.values(), key=lambda key: sections.index(key.section)))


def section_docs() -> dict[str, str]:
    """The docstring of each section's dataclass."""
    docs: dict[str, str] = {}
    for section, cls in ROOTS.items():
        docs.setdefault(section, inspect.getdoc(cls) or "")
        for name, kind in _hints(cls).items():
            if dataclasses.is_dataclass(kind) and kind is not Secret:
                docs.setdefault(name, inspect.getdoc(kind) or "")
    return docs


def _walk(section: str, cls: Any) -> Iterator[Key]:
    docs = _field_docs(cls)
    defaults = cls()
    for name, kind in _hints(cls).items():
        if dataclasses.is_dataclass(kind) and kind is not Secret:
            yield from _walk(name, kind)
        elif kind in KINDS:
            yield Key(section, name, kind, getattr(defaults, name), docs[name])
        else:
            raise TypeError(f"{cls.__name__}.{name} is of a type that no file or variable can give: {kind}")


def _hints(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _field_docs(cls: Any) -> dict[str, str]:
    """The text behind each field, which Python itself forgets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    docs: dict[str, str] = {}
    for field, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            docs[field.target.id] = _text(text)
    return docs


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    return ""


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, Setting]:
    known = {key.variable: key for key in keys()}
    found = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        key = known.get(variable)
        if key is None:
            problems.append(f"there is no setting {variable} (in the environment){_nearest(variable, known)}")
            continue
        value = _parse(key, text)
        if value is None:
            problems.append(f"{key.dotted} is {_shown(key, text)} (from {variable}) and must be {key.allowed}")
        else:
            found[key.dotted] = Setting(value, variable)
    return found


def _from_file(path: Path, problems: list[str]) -> dict[str, Setting]:
    known = {key.dotted: key for key in keys()}
    sections = {key.section for key in keys()}
    found = {}
    for section, content in _read(path).items():
        if section not in sections or not isinstance(content, dict):
            problems.append(f"there is no section [{section}] (in {path}){_nearest(section, sections)}")
            continue
        for name, value in content.items():
            key = known.get(f"{section}.{name}")
            if key is None:
                problems.append(
                    f"there is no setting {section}.{name} (in {path}){_nearest(f'{section}.{name}', known)}"
                )
            elif not _fits(key.type, value):
                problems.append(f"{key.dotted} is {_shown(key, value)} (from {path}) and must be {key.allowed}")
            else:
                found[key.dotted] = Setting(_converted(key.type, value), str(path))
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The configuration file {path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration file {path} is no TOML: {error}.") from error


def _from_local_stack(given: Mapping[str, Setting], problems: list[str]) -> dict[str, Setting]:
    """What a stack that runs in the data folder says; nothing of one that has ended, however it did."""
    data = Path(str(given["local.data"].value if "local.data" in given else StackSettings().local.data))
    file = data / LOCAL_FILE
    return _from_file(file, problems) if file.is_file() and in_use(data) else {}


def _parse(key: Key, text: str) -> object | None:
    """The text of a variable as the type of its setting; None when it is none."""
    word = text.strip()
    if key.type is bool:
        return True if word.lower() in TRUE else False if word.lower() in FALSE else None
    if key.type in (int, float):
        try:
            number: object = key.type(word)
        except ValueError:
            return None
        return number
    return Secret(text) if key.type is Secret else text


def _fits(kind: type, value: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if kind is Secret else kind)


def _converted(kind: type, value: object) -> object:
    if kind is float:
        return float(str(value))
    return Secret(str(value)) if kind is Secret else value


def _out_of_range(settings: Mapping[str, Setting]) -> Iterator[str]:
    for key in keys():
        setting, limit = settings[key.dotted], LIMITS.get(key.dotted)
        if limit is not None and not limit.passes(_plain(setting.value)):
            shown = _shown(key, setting.value)
            yield f"{key.dotted} is {shown} (from {setting.source}) and must be {key.allowed}"


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


def _shown(key: Key, value: object) -> str:
    return "a secret, not shown," if key.type is Secret else repr(value)


def _as_text(value: object) -> str:
    plain = _plain(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _nearest(word: str, known: Mapping[str, object] | set[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
