"""The jars of the Kafka server: which ones (a lock file), and how they come onto this machine.

``requirements/kafka-jars.lock`` names every jar with its version and sha256. A jar is used only when its
bytes have that sum, at every start; one that is missing or damaged is fetched again. Where jars come
from is jgo's business (Maven Central unless ``local.maven_repository`` says otherwise), so the lock names
no host.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import StackError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "kafka-jars.lock"
KAFKA = "org.apache.kafka:kafka_2.13:4.1.2"
LOGGING = "org.slf4j:slf4j-simple:1.7.36"

NOT_NEEDED = frozenset(
    {
        "commons-beanutils",  # XML rules of commons-validator; Kafka calls its address check only
        "commons-collections",
        "commons-digester",
        "commons-logging",
        "jackson-dataformat-csv",  # command line tools
        "jackson-dataformat-yaml",  # the Docker image's wrapper
        "jackson-datatype-jdk8",
        "jose4j",  # OAuth logins
        "jspecify",  # annotations without code
        "log4j-core",  # we log through slf4j-simple; without it Kafka turns its log level endpoint off
        "scala-reflect",  # macros, used when Kafka is compiled
        "snakeyaml",
    }
)
"""Artifacts that Kafka's own list holds and a local broker never loads (found by the references in the
class files and by running without them)."""

DOWNLOADS_AT_ONCE = 4
ATTEMPTS = 3

Advance = Callable[[int], None]
ShowDownload = Callable[[str, int], AbstractContextManager[Advance]]
"""Given a file's name and size in bytes, a context that yields a function to call with bytes arrived."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """File name in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def line(self) -> str:
        """The jar as the lock file writes it."""
        return f"{self.group}:{self.artifact}:{self.version} sha256:{self.sha256}"


def read_lock(path: Path = LOCK) -> tuple[Jar, ...]:
    """The locked jars. Raises StackError for a lock that is missing or that can't be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StackError(
            f"The list of Kafka's jars {path} can't be read ({error.strerror}); check out the project again."
        ) from error
    return tuple(_parse(line, path) for line in lines if line and not line.startswith("#"))


def _parse(line: str, path: Path) -> Jar:
    try:
        coordinates, checksum = line.split(" sha256:")
        group, artifact, version = coordinates.split(":")
    except ValueError as error:
        raise StackError(f"A line of {path} is damaged: {line!r}; run `make lock` or check it out again.") from error
    return Jar(group, artifact, version, checksum)


def kafka_version(jars: Iterable[Jar]) -> str:
    """Version of the broker among the jars."""
    return next(jar.version for jar in jars if jar.artifact.startswith("kafka_"))


def sha256(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def default_cache() -> Path:
    """Where jars are kept between projects and runs: below the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "mqledger" / "jars"


def missing(jars: Iterable[Jar], cache: Path) -> list[Jar]:
    """Jars that are not in the cache, or not with the bytes that the lock demands."""
    return [jar for jar in jars if not (cache / jar.name).is_file() or sha256(cache / jar.name) != jar.sha256]


def ensure(jars: tuple[Jar, ...], cache: Path, show: ShowDownload, repository: str = "") -> list[Path]:
    """Paths of all jars, fetched where needed. Raises StackError when one can't be had as locked."""
    wanted = missing(jars, cache)
    if wanted:
        _fetch_all(wanted, cache, show, repository)
    return [cache / jar.name for jar in jars]


def _fetch_all(jars: list[Jar], cache: Path, show: ShowDownload, repository: str) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as folder:
            context = _context(Path(folder), show, repository)
            with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
                tasks = [pool.submit(_fetch, jar, context, cache) for jar in jars]
                try:
                    for task in as_completed(tasks):
                        task.result()
                finally:
                    pool.shutdown(cancel_futures=True)
    except OSError as error:
        raise StackError(
            f"The Kafka jars can't be stored in {cache} ({error.strerror or error}); "
            "free space there or set MQLEDGER_LOCAL__CACHE to another folder."
        ) from error


def _context(folder: Path, show: ShowDownload, repository: str) -> MavenContext:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise StackError("The Python package jgo is missing; run `make install`.") from error
    return MavenContext(
        resolver=PythonResolver(progress_callback=show),
        repo_cache=folder,
        local_repos=[],
        remote_repos={"configured": repository.rstrip("/")} if repository else None,
        timeout=30,
    )


def _fetch(jar: Jar, context: MavenContext, cache: Path) -> None:
    """One jar into the cache: only whole and with the right sum, by an atomic rename."""
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            file = _download(jar, context)
        except (RuntimeError, ConnectionError) as error:
            reason = str(error)
            continue
        if sha256(file) == jar.sha256:
            file.replace(cache / jar.name)
            return
        reason = "its bytes are not the locked ones"
        file.unlink()
    raise StackError(
        f"The Kafka jar {jar.name} can't be fetched ({reason}); check the network, or name a reachable Maven "
        "repository in MQLEDGER_LOCAL__MAVEN_REPOSITORY, then start again."
    )


def _download(jar: Jar, context: MavenContext) -> Path:
    import requests

    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    partial = artifact.cached_path
    if partial is not None:
        partial.unlink(missing_ok=True)
    try:
        return Path(artifact.resolve())
    except requests.RequestException as error:
        # Its text names hosts and proxies; the kind of failure is what a person needs.
        raise ConnectionError(type(error).__name__) from error


def write_lock(path: Path = LOCK) -> tuple[Jar, ...]:
    """Resolve Kafka's jars anew and write the lock; run by ``make lock``."""
    with tempfile.TemporaryDirectory(prefix="mqledger-lock-") as folder:
        jars = tuple(sorted(_resolve(Path(folder)), key=lambda jar: jar.line))
    head = (
        "# The jars of a local Kafka broker, made by `make lock`; used by stack/local/jars.py.\n"
        "# group:artifact:version sha256:checksum\n"
    )
    text = head + "".join(jar.line + "\n" for jar in jars)
    path.write_text(text, encoding="utf-8")
    return jars


def _resolve(folder: Path) -> Iterator[Jar]:
    context = _context(folder, silent, "")
    group, artifact, version = KAFKA.split(":")
    component = context.project(group, artifact).at_version(version)
    _, nodes = context.pom_dependency_list(component.pom())
    found = [(node.dep.groupId, node.dep.artifactId, node.dep.version) for node in nodes]
    roots = [(group, artifact, version), tuple(LOGGING.split(":"))]
    for one_group, one_artifact, one_version in [*roots, *found]:
        if one_artifact in NOT_NEEDED:
            continue
        file = context.project(one_group, one_artifact).at_version(one_version).artifact().resolve()
        yield Jar(one_group, one_artifact, one_version, sha256(Path(file)))


@contextmanager
def silent(_name: str, _size: int) -> Iterator[Advance]:
    """Shows nothing."""
    yield lambda _arrived: None


def free_bytes(folder: Path) -> int:
    """Free space at a folder that may not exist yet."""
    at = folder
    while not at.exists():
        at = at.parent
    return shutil.disk_usage(at).free


def main() -> None:
    """``python -m stack.local.jars`` fetches what is missing; with ``lock`` it resolves anew."""
    from stack.console import show_downloads

    if sys.argv[1:] == ["lock"]:
        print(f"{len(write_lock())} jars locked")
        return
    try:
        ensure(read_lock(), default_cache(), show_downloads)
    except StackError as error:
        sys.exit(f"mqledger: {error}")


if __name__ == "__main__":
    main()
