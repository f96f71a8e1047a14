"""What text of the API is: types that check a value and describe it in OpenAPI, in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from domain.keys import FILTER_BYTES, NAME_BYTES
from query_api.tokens import PATTERN

LONGEST: Final = 16_383
"""Characters of a text that MQTT carries in at most 65,535 bytes, whatever they are."""

Count = Annotated[int, Meta(ge=0)]
Qos = Annotated[int, Meta(ge=0, le=2)]
Seconds = Annotated[int, Meta(ge=0, le=4_294_967_295, description="Seconds; 4294967295 is never.")]
Time = Annotated[
    str,
    Meta(
        pattern=r"^[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?Z$(?!\n)",
        description="RFC 3339, in UTC.",
        extra_json_schema={"format": "date-time"},
    ),
]
ClientId = Annotated[
    str,
    Meta(min_length=1, max_length=NAME_BYTES, pattern=r"^[^\x00]+$", description="Client id.", examples=["meter-17"]),
]
Username = Annotated[
    str,
    Meta(min_length=1, max_length=NAME_BYTES, pattern=r"^[^\x00]+$", description="Name of a user.", examples=["ada"]),
]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._@:-]+$(?!\n)", examples=["ops"])]
Tenant = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$(?!\n)", examples=["default"])]
"""As :func:`domain.access.valid_tenant`; a test holds them together."""
TenantScope = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^(\*|[A-Za-z0-9._-]+)$(?!\n)",
        description="One tenant, or `*` for all.",
        examples=["default"],
    ),
]
Topic = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST,
        pattern=r"^[^\x00+#]+$",
        description="Topic, no wildcards.",
        examples=["plant/1/on"],
    ),
]
_H: Final = "[0-9a-f]{1,4}"
_BYTE: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"({_BYTE}\.){{3}}{_BYTE}"
_IPV6: Final = "|".join((
    f"({_H}:){{7}}{_H}",
    f"({_H}:){{1,7}}:",
    *(f"({_H}:){{1,{7 - n}}}(:{_H}){{1,{n}}}" for n in range(1, 7)),
    f":(:{_H}){{1,7}}",
    "::",
))  # fmt: skip
Network = Annotated[
    str,
    Meta(
        pattern=rf"^({_IPV4}(/(3[0-2]|[12]?[0-9]))?|({_IPV6})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$(?!\n)",
        description="An address, or a network such as `10.0.0.0/8`.",
        examples=["10.0.0.0/8"],
    ),
]
Address = Annotated[str, Meta(pattern=rf"^({_IPV4}|{_IPV6})$(?!\n)", description="IP address.", examples=["10.0.0.1"])]
Filter = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=FILTER_BYTES,
        pattern=r"^(#|([^\x00+#/]*|\+)(/([^\x00+#/]*|\+))*(/#)?)$",
        description="Topic filter.",
        examples=["plant/+/on"],
    ),
]
Pattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST,
        pattern=r"^(eq )?(#|([^\x00+#/]*|\+)(/([^\x00+#/]*|\+)){0,100}(/#)?)$",
        description="Topic filter in which `%c` and `%u` stand for client id and user; with `eq ` in front, literally.",
        examples=["plant/%c/#"],
    ),
]
Reason = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00]*$")]
Password = Annotated[str, Meta(min_length=8, max_length=256, pattern=r"^[^\x00]+$", description="Never returned.")]
MqttPassword = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00]+$", description="Never returned.")]
Id = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._:-]+$(?!\n)", description="Id.")]
Cursor = Annotated[
    str,
    Meta(
        max_length=262_144,
        pattern=rf"^$|{PATTERN}",
        description="`next` of the page before, with the same filters; empty for the first page.",
        extra_json_schema={"format": "mqledger-cursor"},
    ),
]
Place = Annotated[
    str,
    Meta(
        max_length=262_144,
        pattern=rf"^$|{PATTERN}",
        description="A position (`Mqledger-Position`): wait, bounded, until the answer covers it.",
        extra_json_schema={"format": "mqledger-position"},
    ),
]
IdempotencyKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="A repetition with the same key within an hour does nothing and gives the first outcome.",
    ),
]
Role = Literal["viewer", "operator", "connection_manager", "administrator"]
Protocol = Literal["mqtt3.1", "mqtt3.1.1", "mqtt5", "amqp0.9.1"]
BASE64: Final = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$(?!\n)"
BanKind = Literal["clientid", "username", "peerhost"]
Part = Annotated[str, Meta(min_length=1, max_length=NAME_BYTES, pattern=r"^[^\x00]+$")]
LogPlace = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,5}/[0-9]{1,14}\.[0-9]{1,5}$(?!\n)",
        description="A place in the log: partition, offset and index.",
        examples=["3/1204.17"],
    ),
]

PARTS: Final[Mapping[str, Any]] = {
    "app_id": Id,
    "client_id": ClientId,
    "connection_id": Id,
    "filter": Filter,
    "id": Id,
    "kind": BanKind,
    "listener": Part,
    "name": Name,
    "node": Part,
    "plugin": Name,
    "position": LogPlace,
    "rule": Id,
    "topic": Topic,
    "username": Username,
    "who": Part,
}
"""Types of what paths name."""
