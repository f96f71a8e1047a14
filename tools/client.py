"""Writes the Python client, ``mqledger_client/models.py`` and ``client.py``, from the OpenAPI document.

``python -m tools.client`` writes, ``--check`` compares. Our own generator, since known ones bring a run time of their
own (attrs, pydantic) and models that do not check what they decode: here a model is a msgspec struct.
"""

from __future__ import annotations

import builtins
import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from query_api.native.openapi import document
from query_api.native.operations import OPERATIONS

FOLDER: Final = Path(__file__).parent.parent / "mqledger_client"
BY: Final = "Written by `python -m tools.client` from the OpenAPI document; changes here are lost."
WIDTH: Final = 112
Document = Mapping[str, Any]


def main() -> int:
    """Write both files, or say whether they are current."""
    described = document(OPERATIONS)
    wanted = {"models.py": formatted(models(described)), "client.py": formatted(client(described))}
    old = [name for name, text in wanted.items() if not _same(FOLDER / name, text)]
    if "--check" in sys.argv:
        for name in old:
            sys.stderr.write(f"{FOLDER.name}/{name} is old: run python -m tools.client\n")
        return 1 if old else 0
    for name in old:
        (FOLDER / name).write_text(wanted[name], encoding="utf-8")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def formatted(text: str) -> str:
    """The text as ruff formats it, without imports that it does not need."""
    for command in (("check", "--quiet", "--fix", "--select", "F401,I"), ("format",)):
        run = [sys.executable, "-m", "ruff", *command, "--line-length", "120", "-"]
        text = subprocess.run(run, input=text, capture_output=True, text=True, check=True).stdout
    return text


def models(described: Document) -> str:
    """The module of the shapes."""
    shapes = described["components"]["schemas"]
    lines = [f'"""What goes in and out of the API.\n\n{BY}\n"""', "", "from __future__ import annotations", ""]
    lines += ["from typing import Any, Literal", "", "import msgspec", "from msgspec import UNSET, UnsetType", ""]
    lines += [line for name in sorted(shapes) for line in _model(name, shapes[name])]
    return "\n".join(lines)


def _model(name: str, schema: Document) -> Iterator[str]:
    required = set(schema.get("required", ()))
    yield f"class {name}(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):"
    yield _docstring(schema.get("description") or f"See {name} in the OpenAPI document.", 4)
    for field, described in schema["properties"].items():
        kind = _annotation(described)
        if field in required:
            yield f"    {field}: {kind}"
        elif "default" in described:
            yield f"    {field}: {kind} = {described['default']!r}"
        else:
            yield f"    {field}: {_or_unset(kind)} = UNSET"
        if text := _text_of(described):
            yield _docstring(text, 4)
    yield ""


def _or_unset(kind: str) -> str:
    return f"{kind.removesuffix(' | None')} | UnsetType{' | None' if kind.endswith(' | None') else ''}"


def client(described: Document) -> str:
    """The module of the operations."""
    lines = [f'"""Every operation of the API.\n\n{BY}\n"""', "", "from __future__ import annotations", ""]
    lines += ["from collections.abc import Iterator", "from types import TracebackType"]
    lines += ["from typing import Literal", ""]
    lines += ["from mqledger_client import models", "from mqledger_client.http import ServerEvent, Transport, segment"]
    lines += ["", "", "class Client:"]
    lines += ['    """An API. Use it as a context, or close it."""', ""]
    lines += ["    def __init__(self, transport: Transport) -> None:", "        self._transport = transport", ""]
    lines += ["    def __enter__(self) -> Client:", "        return self", ""]
    lines += ["    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,"]
    lines += ["        trace: TracebackType | None) -> None:", "        self.close()", ""]
    lines += ["    def close(self) -> None:", '        """End all connections."""']
    lines += ["        self._transport.close()", ""]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            lines += [*_method(path, method, operation), ""]
    return "\n".join(lines)


def _method(path: str, method: str, operation: Document) -> Iterator[str]:
    named = [one for one in operation["parameters"] if one["in"] == "path"]
    others = [one for one in operation["parameters"] if one["in"] != "path" and not _left_out(method, one)]
    body = operation.get("requestBody")
    answer, streamed = _answer(operation)
    yield f"    def {operation['operationId']}(self,"
    yield from (f"        {_python(one['name'])}: str," for one in named)
    if body is not None:
        yield f"        body: {_reference(body['content']['application/json']['schema'])},"
    yield "        *," if others else ""
    yield from (_argument(one) for one in sorted(others, key=lambda one: not one["required"]))
    yield f"    ) -> {answer}:"
    yield _docstring(_about(operation), 8)
    yield f"        return self._transport.{'stream' if streamed else 'request'}("
    if not streamed:
        yield f'            "{method.upper()}",'
    yield f"            {_path(path)},"
    if not streamed:
        yield f"            {answer},"
    for place, name in (("query", "query"), ("header", "headers")):
        given = [one for one in others if one["in"] == place]
        if given:
            pairs = ", ".join(f'"{one["name"]}": {_python(one["name"])}' for one in given)
            yield f"            {name}={{{pairs}}},"
    if body is not None:
        yield "            body=body,"
    yield "        )"


def _left_out(method: str, parameter: Document) -> bool:
    """Headers that say what a parameter of the query says, and one whose answer would be nothing to decode."""
    return parameter["name"].startswith("Mqledger-") or (method == "get" and parameter["name"] == "If-None-Match")


def _about(operation: Document) -> str:
    text = operation["summary"] + "."
    return f"{text}\n\n{operation['description']}" if operation.get("description") else text


def _argument(one: Document) -> str:
    kind = _annotation(one["schema"])
    rest = "" if one["required"] else " | None = None"
    return f"        {_python(one['name'])}: {kind}{rest},"


def _answer(operation: Document) -> tuple[str, bool]:
    status = next(one for one in operation["responses"] if one.startswith("20"))
    content = operation["responses"][status]["content"]
    if "text/event-stream" in content:
        return "Iterator[ServerEvent]", True
    return _reference(content["application/json"]["schema"]), False


def _path(path: str) -> str:
    filled = re.sub(r"\{(\w+)\}", lambda found: f"{{segment({_python(found[1])})}}", path)
    return f'f"{filled}"' if "{" in filled else f'"{filled}"'


def _reference(schema: Document) -> str:
    name: str = schema["$ref"].rpartition("/")[2]
    return f"models.{name}"


def _annotation(schema: Document) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(_annotation(one) for one in schema["anyOf"])
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if schema.get("type") == "array":
        return f"list[{_annotation(schema['items'])}]"
    if schema.get("type") == "object":
        return f"dict[str, {_annotation(schema.get('additionalProperties', {}))}]"
    return _PLAIN[schema.get("type")]


_PLAIN: Final = {
    None: "Any",
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}


def _text_of(schema: Document) -> str:
    if "description" in schema:
        return str(schema["description"])
    return next((str(one["description"]) for one in schema.get("anyOf", ()) if "description" in one), "")


def _docstring(text: str, indent: int) -> str:
    lines = [line for part in text.split("\n") for line in (textwrap.wrap(part, WIDTH - indent) or [""])]
    end = "\n" + " " * indent if len(lines) > 1 else ""
    return " " * indent + '"""' + ("\n" + " " * indent).join(lines).replace("\\", "\\\\") + end + '"""'


def _python(name: str) -> str:
    text = name.lower().replace("-", "_")
    return text + "_" if keyword.iskeyword(text) or text in dir(builtins) else text


if __name__ == "__main__":
    sys.exit(main())
