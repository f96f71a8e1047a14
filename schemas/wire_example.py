"""One frame taken apart byte for byte, for ``docs/events.md``: whoever writes a reader can check it against this."""

from __future__ import annotations

from schemas.events import AnyEvent, Published, Refused, Released
from schemas.frames import encode_events, frame_headers

EVENTS: tuple[AnyEvent, ...] = (
    Published("default", "sensor-1", 7 << 16, "site/a/temp", 1, False, 12, b"", b"21.5"),
    Refused("default", "x", "", "mqtt5", 5, "192.0.2.7", 50123, "tcp", 0x88, "server unavailable"),
    Released("default", "sensor-1", 7 << 16, 11),
)
"""A lifecycle event between two message events."""


def text() -> str:
    """The section of the document."""
    headers = dict(frame_headers("node-1", 4, 2, 123 << 16, [9], EVENTS))
    return f"""
## A worked example

A frame of three events: `published.1` at place 0, `refused.1` at place 1, `released.1` at place 2. In hexadecimal:

Header `frame`:

```
{_hex(headers["frame"])}
```

Header `clients`:

```
{_hex(headers["clients"])}
```

Header `topics`:

```
{_hex(headers["topics"])}
```

Value:

```
{_hex(encode_events(EVENTS))}
```

`93` is an array of three; `91 01` says that the only lifecycle event is at place 1; the first `c4` begins the binary
with the lifecycle events, the second the one with the message events.
"""


def _hex(content: bytes) -> str:
    rows = [content[i : i + 24] for i in range(0, len(content), 24)]
    return "\n".join(row.hex(" ") for row in rows)
