"""Payloads as they are shown: text, hexadecimal, or only their size."""

from __future__ import annotations

from typing import Any, Literal

from schemas.plain import plain_bytes

PayloadForm = Literal["text", "hex", "none"]
SHOWN_BYTES = 120
"""Of a payload, so many bytes are shown on a line."""


def shown_payload(payload: bytes, form: PayloadForm) -> str:
    """The payload on a line, cut when long; bytes that are no text are shown in hexadecimal."""
    if form == "none":
        return f"({len(payload)} B)"
    cut = payload[:SHOWN_BYTES]
    more = f"… ({len(payload)} B)" if len(payload) > SHOWN_BYTES else ""
    if form == "text":
        try:
            # Half a character at the cut is no reason to call it binary.
            return cut.decode("utf-8", "strict" if not more else "ignore" if _is_text(payload) else "strict") + more
        except UnicodeDecodeError:
            return f"0x{cut.hex()}{more}"
    return f"0x{cut.hex()}{more}"


def _is_text(payload: bytes) -> bool:
    return isinstance(plain_bytes(payload), str)


def with_payloads(data: dict[str, Any], event: Any, form: PayloadForm) -> dict[str, Any]:
    """The plain form of an event with its payloads in the asked form: ``{"hex": ...}`` or ``{"bytes": size}``."""
    if form == "text":
        return data
    will = getattr(event, "will", None)
    if "payload" in data:
        data["payload"] = _other_form(event.payload, form)
    elif isinstance(data.get("will"), dict) and will is not None:
        data["will"]["payload"] = _other_form(will.payload, form)
    return data


def has_payload(event: Any) -> bool:
    """Whether the event, or a will in it, has a payload."""
    return hasattr(event, "payload") or getattr(event, "will", None) is not None


def _other_form(payload: bytes, form: PayloadForm) -> dict[str, Any]:
    return {"hex": payload.hex()} if form == "hex" else {"bytes": len(payload)}
