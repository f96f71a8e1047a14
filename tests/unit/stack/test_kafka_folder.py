"""Which folders Kafka is started on: never one that it would silently begin anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.local.kafka import LocalKafka


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a used folder looks like: the cluster's log, two partitions with records, one without."""
    logs = tmp_path / "kafka" / "log"
    for name in ("__cluster_metadata-0", "mq.events-0", "mq.events-1"):
        (logs / name).mkdir(parents=True)
        (logs / name / "00000000000000000000.log").write_bytes(b"records")
    (logs / "mq.admin-0").mkdir()
    (logs / "meta.properties").write_text("cluster.id=abc\n")
    (logs / "bootstrap.checkpoint").write_bytes(b"x")
    (logs / "recovery-point-offset-checkpoint").write_text("0\n3\nmq.events 0 5\nmq.events 1 7\nmq.admin 0 0\n")
    return logs


def prepare(logs: Path) -> None:
    LocalKafka(logs.parent, 1, (), Path("/no/java"), logs.parent / "kafka.log").prepare()


def test_a_used_folder_is_taken_as_it_is(folder: Path) -> None:
    prepare(folder)


def test_one_without_the_log_of_the_cluster_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "__cluster_metadata-0")
    with pytest.raises(StackError, match=r"is damaged: __cluster_metadata-0 is missing, .* Put a copy"):
        prepare(folder)


@pytest.mark.parametrize("left", ["quorum-state", "00000000000000000000.log"])
def test_one_with_an_empty_log_of_the_cluster_is_refused(folder: Path, left: str) -> None:
    shutil.rmtree(folder / "__cluster_metadata-0")
    (folder / "__cluster_metadata-0").mkdir()
    (folder / "__cluster_metadata-0" / left).touch()
    with pytest.raises(StackError, match="__cluster_metadata-0 is missing"):
        prepare(folder)


def test_a_snapshot_of_the_cluster_is_as_good(folder: Path) -> None:
    metadata = folder / "__cluster_metadata-0"
    (metadata / "00000000000000000000.log").rename(metadata / "00000000000000000100-0000000001.checkpoint")
    prepare(folder)


def test_one_without_a_partition_that_had_records_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "mq.events-1")
    with pytest.raises(StackError, match=r"is damaged: mq\.events-1 is missing"):
        prepare(folder)


def test_a_partition_that_is_being_deleted_or_had_no_records_is_not_missed(folder: Path) -> None:
    (folder / "mq.events-1").rename(folder / "mq.events-1.0123abcd-delete")
    shutil.rmtree(folder / "mq.admin-0")
    prepare(folder)


@pytest.mark.parametrize("begun", [False, True])
def test_a_folder_that_was_only_formatted_is_taken(tmp_path: Path, begun: bool) -> None:
    logs = tmp_path / "kafka" / "log"
    logs.mkdir(parents=True)
    (logs / "meta.properties").write_text("cluster.id=abc\n")
    (logs / "bootstrap.checkpoint").write_bytes(b"x")
    if begun:
        (logs / ".lock").touch()
        (logs / "__cluster_metadata-0").mkdir()
    prepare(logs)
