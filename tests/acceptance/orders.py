"""A stream of commands over HTTP while things die: each under a key, asked again until its outcome is known.

The way of one command: 2xx and refusals are its outcome; 202 is asked for at its ``Location``; 503 and a lost link
are asked again under the same key. Nothing else is an answer. Some hang up before they are answered, and ask again.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from tests.acceptance.storm import Worker
from tests.contract.query_api.client import Answer, Api
from tests.faults.broker.storm import PATIENCE, Tally
from tests.mqttkit import elapse, unique

BASE = "/api/mqledger/v1"
PAUSE = 0.1
"""Seconds before a command is asked again."""
LONGEST = 25.0
"""Seconds that an answer may take: appending and waiting for the outcome, `command_timeout` (5 s) each, and before that
looking for an earlier one and for who asks, each bounded by the time-outs of Postgres (4.5 s with the acquiring)."""
IMPATIENT = 0.3
"""Share of the commands that are asked once more without waiting for the first answer."""
JSON = {"content-type": "application/json"}
FINAL = {200, 201, 404}
UNKNOWN = "unknown"
"""A node ended while it decided: said of a command whose time was over when the next one started."""


@dataclass
class Asked:
    """One command, and what became of it."""

    kind: str
    method: str
    path: str
    body: dict[str, Any] | None
    key: str
    name: str
    """What it is to change: a client id, a payload, a filter, a user, a connection."""
    id: str = ""
    outcome: str = ""
    """Empty while it is not known."""
    attempts: int = 0
    waited: bool = False
    """Was told by 202 to ask later."""

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else json.dumps(self.body).encode()


Make = Callable[[str], tuple[str, str, dict[str, Any] | None]]
"""Method, path and body for a name."""


def _kick(client_id: str) -> tuple[str, str, dict[str, Any] | None]:
    return "DELETE", f"/sessions/{client_id}", None


def _publish(topic: str) -> Make:
    return lambda name: (
        "POST",
        "/messages",
        {"topic": topic, "payload": name, "qos": 1, "report": True, "client_id": f"by-{name}"},
    )


def _subscribe(client_id: str) -> Make:
    return lambda name: (
        "POST",
        f"/sessions/{client_id}/subscriptions",
        {"subscriptions": [{"filter": f"never/{name}", "qos": 1}]},
    )


def _user(name: str) -> tuple[str, str, dict[str, Any] | None]:
    return "POST", "/users", {"username": name, "password": f"secret of {name}"}


def _connection(far: str) -> Make:
    return lambda name: ("POST", "/connections", {"id": name, "name": name, "url": far})


class Orders(Worker):
    """One who commands, a thing at a time."""

    def __init__(self, api: Api, tally: Tally, per_second: float, kinds: Sequence[str], stream: Stream) -> None:
        super().__init__(tally, per_second)
        self._api = api
        self._kinds = kinds
        self._stream = stream

    def once(self) -> None:
        """One command until it is known what became of it."""
        asked = self._stream.next(random.choice(self._kinds))
        if asked is None:
            return
        until = time.monotonic() + PATIENCE
        if random.random() < IMPATIENT:
            self._hang_up(asked)
        while not asked.outcome:
            assert time.monotonic() < until, f"no outcome of {asked} within {PATIENCE} s"
            self._attempt(asked)
            if not asked.outcome:
                elapse(PAUSE)
        self._tally.add(1)

    def _hang_up(self, asked: Asked) -> None:
        """Ask and go away without waiting for the answer."""
        asked.attempts += 1
        connection = HTTPConnection("127.0.0.1", self._api.port, timeout=self._api.timeout)
        headers = {"authorization": self._api.authorization, "idempotency-key": asked.key, **JSON}
        with contextlib.suppress(OSError):  # the API is away
            connection.request(asked.method, BASE + asked.path, asked.content, headers)
        connection.close()
        self._stream.count("not awaited", 0.0)

    def _attempt(self, asked: Asked) -> None:
        asked.attempts += 1
        answer = self._answer(asked.method, asked.path, asked.content, {"idempotency-key": asked.key})
        if answer is None or _try_again(answer):
            return
        told = answer.json()
        self._same_id(asked, told.get("id") or told["command"].rpartition("/")[2])
        if answer.status == 202:
            asked.waited = True
            self._follow(asked, answer.headers["location"])
        else:
            assert answer.status in FINAL or told["outcome"] == UNKNOWN, (asked, answer)
            asked.outcome = told["outcome"]

    def _follow(self, asked: Asked, location: str) -> None:
        """Ask at the place that a 202 named until something is known."""
        assert location == f"{BASE}/commands/{asked.id}"
        until = time.monotonic() + PATIENCE
        while not asked.outcome:
            assert time.monotonic() < until, f"no outcome of {asked} at {location} within {PATIENCE} s"
            answer = self._answer("GET", location.removeprefix(BASE), b"", {})
            if answer is not None and answer.status == 200:
                found = answer.json()
                asked.outcome = found["outcome"] if found["state"] == "done" else ""
            elif answer is not None:
                assert answer.status in (404, 503), (asked, answer)  # 404: the tables do not hold the command yet
            if asked.outcome == "late":
                asked.outcome = ""
                return  # it was void, and may be asked again
            if not asked.outcome:
                elapse(PAUSE)

    def _answer(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer | None:
        """None: the connection was lost or refused."""
        begun = time.monotonic()
        try:
            answer = self._api.request(method, BASE + path, {**JSON, **headers}, body)
        except TimeoutError as error:
            raise AssertionError(f"{method} {path} had no answer within {self._api.timeout} s") from error
        except (OSError, HTTPException):
            self._stream.count("none", time.monotonic() - begun)
            return None
        self._stream.count(str(answer.status), time.monotonic() - begun)
        assert answer.status < 500 or answer.status == 503, (path, answer)
        return answer

    def _same_id(self, asked: Asked, found: str) -> None:
        assert asked.id in ("", found), f"another command under the same key: {asked}, {found}"
        asked.id = found


def _try_again(answer: Answer) -> bool:
    """Nothing was done, or it was void: the same key may be used again."""
    return answer.status == 503 and answer.json().get("outcome") in (None, "late")


class Stream:
    """All commands, and what became of them."""

    def __init__(self, port: int, login: tuple[str, str], topic: str, far: str, subscriber: str) -> None:
        """Publishes to ``topic``, connects to ``far``, subscribes on behalf of ``subscriber``."""
        self.tally = Tally()
        self.asked: list[Asked] = []
        self.victims: list[str] = []
        """Client ids of sessions to be kicked, each once."""
        self.answers: Counter[str] = Counter()
        self.longest = 0.0
        self._prefix = unique("order")
        self._lock = threading.Lock()
        self._makes: dict[str, Make] = {
            "kick": _kick,
            "publish": _publish(topic),
            "subscribe": _subscribe(quote(subscriber, safe="")),
            "user": _user,
            "connection": _connection(far),
        }
        self._api = Api(port, LONGEST)
        self._api.checked = False
        self._api.authorization = "Basic " + b64encode(":".join(login).encode()).decode()

    def next(self, kind: str) -> Asked | None:
        """Another command of a kind; None when there is nobody left to kick."""
        with self._lock:
            if kind == "kick" and not self.victims:
                return None
            name = self.victims.pop() if kind == "kick" else f"{self._prefix}-{len(self.asked)}"
            method, path, body = self._makes[kind](name)
            made = Asked(kind, method, path, body, f"{self._prefix}-key-{len(self.asked)}", name)
            self.asked.append(made)
            return made

    def count(self, status: str, seconds: float) -> None:
        """An answer, or none, after so long."""
        with self._lock:
            self.answers[status] += 1
            self.longest = max(self.longest, seconds)

    @contextmanager
    def flowing(self, workers: int, per_second: float) -> Iterator[None]:
        """Commands are given within, by so many at once; at its end the outcome of each is known."""
        kinds = tuple(self._makes)
        those = [Orders(self._api, self.tally, per_second, kinds, self) for _ in range(workers)]
        for one in those:
            one.start()
        yield
        for one in those:
            one.finish()
        self.tally.wait_for(self.tally.acknowledged)  # raises what one of them raised

    def get(self, path: str) -> Answer:
        """What is at a path of the native API now."""
        return self._api.get(BASE + path)

    def figures(self) -> str:
        """What happened, in a line."""
        outcomes = Counter(f"{one.kind} {one.outcome}" for one in self.asked)
        told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        answers = ", ".join(f"{count} {status}" for status, count in sorted(self.answers.items()))
        again = sum(one.attempts > 1 for one in self.asked)
        return f"{told}; {again} asked again, longest answer {self.longest:.1f} s; answers: {answers}"
