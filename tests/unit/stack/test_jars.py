"""The lock of the Kafka jars, and a cache that is only believed by checksum."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.local.jars import LOCK, Jar, ensure, kafka_version, missing, read_lock, silent

CONTENT = b"a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


@contextmanager
def repository(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A Maven repository in which every file has this content; its URL and the paths asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if not self.path.endswith(".jar"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/maven2", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_lock_names_every_jar_by_checksum_and_no_host() -> None:
    jars = read_lock()
    assert len(jars) == len({jar.name for jar in jars})
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert "//" not in LOCK.read_text()
    assert kafka_version(jars).startswith("4.1.")
    assert {"kafka-clients", "kafka-server", "zstd-jni", "slf4j-simple"} <= {jar.artifact for jar in jars}


def test_a_damaged_lock_is_a_sentence(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("a:b:1 md5:x\n")
    with pytest.raises(StackError, match="damaged"):
        read_lock(lock)
    with pytest.raises(StackError, match="can't be read"):
        read_lock(tmp_path / "none")


def test_a_jar_is_fetched_once_and_again_when_damaged(tmp_path: Path) -> None:
    with repository(CONTENT) as (url, asked):
        assert ensure((JAR,), tmp_path, silent, url) == [tmp_path / "thing-1.0.jar"]
        ensure((JAR,), tmp_path, silent, url)
        assert [path for path in asked if path.endswith(".jar")] == ["/maven2/org/example/thing/1.0/thing-1.0.jar"]
        (tmp_path / "thing-1.0.jar").write_bytes(b"half a")
        assert missing((JAR,), tmp_path) == [JAR]
        ensure((JAR,), tmp_path, silent, url)
        assert (tmp_path / "thing-1.0.jar").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["thing-1.0.jar"]


def test_other_bytes_than_the_locked_ones_are_refused(tmp_path: Path) -> None:
    with repository(b"something else") as (url, asked), pytest.raises(StackError, match="not the locked ones"):
        ensure((JAR,), tmp_path, silent, url)
    assert len([path for path in asked if path.endswith(".jar")]) == 3
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_repository_is_a_sentence_without_hosts(tmp_path: Path) -> None:
    with repository(CONTENT) as (url, _):
        pass
    with pytest.raises(StackError, match=r"thing-1\.0\.jar can't be fetched \(ConnectionError\); check the network"):
        ensure((JAR,), tmp_path, silent, url)


def test_a_cache_that_can_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="can't be stored"):
        ensure((JAR,), tmp_path / "file" / "cache", silent, "http://127.0.0.1:1")
