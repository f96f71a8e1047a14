"""docs/operations.md lists the metrics that the services serve, all of them and no others."""

from __future__ import annotations

import re
import socket

import httpx
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from ingest.node.counters import DROPS, RECEIVED, SENT
from tests.conftest import RunService
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service
from tests.stackkit.services import ROOT

ROW = re.compile(r"^\| `(mqledger_\w+)` \| (counter|gauge|histogram) \|([\w, ]*)\|", re.MULTILINE)
Metrics = dict[str, Metric]


def test_the_table_of_metrics_is_what_is_served(run_service: RunService) -> None:
    services = [run_service(name) for name in ("ingest", "projector", "connector", "api")]
    ingest, *_, api = services
    client = use(ingest, api)
    served: Metrics = {}
    for service in services:
        served |= scrape(service)
    client.loop_stop()
    table = {name: (kind, labels) for name, kind, labels in ROW.findall((ROOT / "docs/operations.md").read_text())}
    assert {named(metric) for metric in served.values()} == set(table)
    for metric in served.values():
        kind, labels = table[named(metric)]
        assert kind == metric.type
        found = {frozenset(sample.labels) - {"le"} for sample in metric.samples}
        assert found <= {frozenset(labels.replace(" ", "").split(",")) - {""}}, metric.name
    check_samples(served)


def check_samples(served: Metrics) -> None:
    """What was done is counted, under labels that can be."""
    assert served["mqledger_ingest_other"].samples == []
    assert value(served, "mqledger_messages", direction="received", qos="1") == 20
    assert value(served, "mqledger_messages", direction="sent", qos="1") == 20
    assert value(served, "mqledger_packets", direction="received", type="publish") == 20
    assert value(served, "mqledger_packets", direction="sent", type="publish") == 20
    assert value(served, "mqledger_sessions", state="connected") == 1
    assert value(served, "mqledger_append_seconds_count") == value(served, "mqledger_frames")
    types: dict[str, set[str]] = {"received": set(), "sent": set()}
    for sample in served["mqledger_packets"].samples:
        types[sample.labels["direction"]].add(sample.labels["type"])
    assert types == {"received": set(RECEIVED), "sent": set(SENT)}
    assert {sample.labels["reason"] for sample in served["mqledger_dropped"].samples} == set(DROPS)
    assert [sample.value for sample in served["mqledger_errors"].samples] == [1]


def use(ingest: Service, api: Service) -> Client:
    """A subscriber of its own messages, a client that breaks the protocol, a reader of the list."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="counted", protocol=MQTTv5)
    heard: list[bytes | bytearray] = []
    client.on_message = lambda _client, _data, message: heard.append(message.payload)
    subscribed: list[object] = []
    client.on_subscribe = lambda *granted: subscribed.append(granted)
    client.connect("127.0.0.1", ingest.mqtt_port)
    client.subscribe("own", qos=1)
    client.loop_start()
    eventually_sync(lambda: subscribed)
    for n in range(20):
        client.publish("own", str(n), qos=1)
    with socket.create_connection(("127.0.0.1", ingest.mqtt_port), timeout=10) as stranger:
        stranger.sendall(b"\x00\x00 this is no packet")
        while stranger.recv(100):
            continue
    eventually_sync(lambda: len(heard) == 20)
    httpx.get(f"{api.url}/api/v1/sessions", trust_env=False).raise_for_status()
    eventually_sync(lambda: "mqledger_api_lag_frames" in scrape(api))
    return client


def scrape(service: Service) -> Metrics:
    """The metrics of a service by name."""
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    return {metric.name: metric for metric in text_string_to_metric_families(text)}


def named(metric: Metric) -> str:
    """The name in the table."""
    return metric.name + ("_total" if metric.type == "counter" else "")


def value(served: Metrics, name: str, **labels: str) -> float:
    """The one sample of a metric with these labels."""
    metric = served[name.removesuffix("_count")]
    wanted = {name, f"{name}_total"}
    (found,) = [sample.value for sample in metric.samples if sample.name in wanted and sample.labels == labels]
    return float(found)
