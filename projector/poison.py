"""Frames that can't be folded: what to do with them, what to tell the operator."""

from __future__ import annotations

from zlib import crc32

from domain.models.admin import ADMIN
from projector.inbox import Message
from projector.settings import ProjectorSettings
from schemas.frames import FrameError, read_frame
from schemas.settings import SettingsError

POLICIES = ("stop", "dead_letter")


class Poison:
    """The operator's rule for frames that can't be folded."""

    def __init__(self, settings: ProjectorSettings) -> None:
        """Raises :class:`SettingsError` for an unknown policy or a name that is none."""
        if settings.poison not in POLICIES:
            raise SettingsError(f"projector.poison is {settings.poison!r}; allowed: {', '.join(POLICIES)}")
        self._all = settings.poison == "dead_letter"
        self._named = {_named(name) for name in settings.quarantine.split(",") if name.strip()}
        self._topic = settings.kafka.events_topic
        self._admin_topic = settings.kafka.admin_topic

    def put_aside(self, partition: int, offset: int) -> bool:
        """Whether the frame goes to the dead letters."""
        return self._all or (partition, offset) in self._named

    def put_admin_aside(self, offset: int) -> bool:
        """Whether a record of the administration is stepped over: only by name, for it may be a refusal."""
        return (ADMIN, offset) in self._named

    def admin_report(self, offset: int, reason: str) -> str:
        """What to tell the operator about a record that stops the administration."""
        return (
            f"record {offset} of {self._admin_topic} can't be folded: {reason}. Nothing behind it is shown until "
            f'it is. Run a version that reads it, or put it aside by name: projector.quarantine = "admin/{offset}" '
            f"(MQLEDGER_PROJECTOR__QUARANTINE=admin/{offset})."
        )

    def report(self, partition: int, message: Message, reason: str) -> str:
        """What to tell the operator about a frame that stops its partition."""
        return (
            f"frame {partition}/{message.offset} of {self._topic} ({_who(message)}) can't be folded: {reason}. "
            "Nothing behind it in this partition is shown until it is. Run a version that reads it, or put it aside "
            f'by name: projector.quarantine = "{partition}/{message.offset}" '
            f"(MQLEDGER_PROJECTOR__QUARANTINE={partition}/{message.offset}); "
            f"a copy then goes to {self._topic}.dead."
        )


def _named(name: str) -> tuple[int, int]:
    partition, _, offset = name.strip().partition("/")
    if not ((partition.isdigit() or partition == "admin") and offset.isdigit()):
        raise SettingsError(
            f"projector.quarantine holds {name.strip()!r}, which is not partition/offset or admin/offset"
        )
    return ADMIN if partition == "admin" else int(partition), int(offset)


def _who(message: Message) -> str:
    name = frame_id_of(message)
    return "an unreadable header" if name.startswith("crc32:") else f"written by {name}"


def frame_id_of(message: Message) -> str:
    """Names the frame by node, incarnation and sequence; one without a readable header by its checksum."""
    try:
        header = read_frame(message.headers, message.value).header
    except FrameError:
        return f"crc32:{crc32(message.value or b''):08x}"
    return f"{header.node}/{header.incarnation}/{header.sequence}"
