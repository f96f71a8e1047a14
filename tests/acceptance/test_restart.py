"""Bar: data survives a restart; a graceful restart keeps every persistent session, its queue and its inflight; so does
`kill -9` for everything acknowledged.

`mqledger up` as its user runs it: Ctrl-C and up again, then SIGKILL of everything at once under load and up again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ingest.mqtt.codec import ProtocolVersion
from tests.acceptance.devices import V311, Device
from tests.acceptance.settings import LONG, MESSAGES, PUBLISHERS, lots
from tests.acceptance.whole import Whole
from tests.faults.broker.ledger import check_publisher, check_received, read_ledger
from tests.faults.broker.storm import PATIENCE, Reader, Storm, join
from tests.mqttkit import Client, quiet, unique

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + MESSAGES // 50)]

V5 = ProtocolVersion.V5
QUEUED = 25
KILLS = 5 if LONG else 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """`mqledger up`, up; each test leaves it up."""
    running = Whole(tmp_path_factory.mktemp("whole") / "var")
    try:
        running.start()
        yield running
    finally:
        running.end()


class Lives:
    """Sessions in every state that a restart must keep."""

    def __init__(self, whole: Whole) -> None:
        self.topic = unique("lives")
        self._whole = whole
        address = whole.address
        self.away = join(address, unique("away"))
        self.away.subscribed(f"{self.topic}/q", qos=1)
        self.away.disconnect()
        self.old = Device(address, unique("old"), V311, clean=False)
        with self.old:
            self.old.subscribe(f"{self.topic}/q", 1)
        self.halfway = join(address, unique("half"))
        self.halfway.subscribed(f"{self.topic}/q", qos=2)
        self.clean = Client(address, V5, unique("clean"))
        with Client(address, V5) as writer:
            writer.publish(f"{self.topic}/kept", b"retained", qos=1, retain=True)
            for n in range(QUEUED):
                writer.publish(f"{self.topic}/q", b"%d" % n, qos=1)
        # Connected, some messages acknowledged, all others sent and not acknowledged.
        self.acknowledged = 5
        for n in range(self.acknowledged):
            self.halfway.expect_message(f"{self.topic}/q", b"%d" % n)
        self.halfway.ping_through()
        whole.settle()

    @property
    def persistent(self) -> set[str]:
        """Client ids of the sessions that stay."""
        return {self.away.client_id, self.old.client_id, self.halfway.client_id}

    def check(self) -> None:
        """After the restart, before anyone has come back: what the API shows; then what the clients find."""
        whole, address = self._whole, self._whole.address
        whole.settle()
        ids = whole.session_ids(state="disconnected")
        assert self.persistent <= set(ids)
        assert self.clean.client_id not in whole.session_ids()
        for client_id, qos in ((self.away.client_id, 1), (self.old.client_id, 1), (self.halfway.client_id, 2)):
            session = whole.session(client_id)
            assert session is not None
            assert [(one["filter"], one["qos"]) for one in session["subscriptions"]] == [(f"{self.topic}/q", qos)]
        with ExitStack() as stack:
            fresh = stack.enter_context(join(address, unique("fresh")))
            away = stack.enter_context(join(address, self.away.client_id))
            assert away.session_present
            for n in range(QUEUED):
                away.expect_message(f"{self.topic}/q", b"%d" % n, qos=1)
            quiet(away, fresh)
            with Device(address, self.old.client_id, V311, clean=False) as old:
                assert old.session_present
                assert [payload for _, payload, _ in old.receive(QUEUED)] == [b"%d" % n for n in range(QUEUED)]
            halfway = stack.enter_context(join(address, self.halfway.client_id))
            assert halfway.session_present
            first = int(halfway.expect_message(f"{self.topic}/q").payload)
            # What was acknowledged in the last moment before a kill may come once more, with DUP; nothing is left out.
            assert first <= self.acknowledged, f"lost: it had acknowledged {self.acknowledged}, {first} comes next"
            for n in range(first + 1, QUEUED):
                halfway.expect_message(f"{self.topic}/q", b"%d" % n)
            quiet(halfway, fresh)
            fresh.subscribed(f"{self.topic}/kept", qos=1)
            assert fresh.expect_message(f"{self.topic}/kept", b"retained").retain

    def close(self) -> None:
        """Close what was connected when everything stopped."""
        self.halfway.close()
        self.clean.close()


def test_ctrl_c_and_up_again(whole: Whole) -> None:
    """Sessions, subscriptions, queues, unacknowledged and retained messages are there; verify says no difference."""
    lives = Lives(whole)
    before = whole.session_ids()
    whole.interrupt()
    lives.close()
    whole.start()
    assert set(whole.session_ids()) == set(before) - {lives.clean.client_id}
    lives.check()
    whole.prove()


def test_everything_is_killed_at_once_and_up_again(whole: Whole) -> None:
    """The same, under load: every acknowledged message is in the log, in order, and arrives at its subscriber."""
    lives = Lives(whole)
    storm = Storm(whole.address, MESSAGES, PUBLISHERS)
    reader = Reader(whole.address, f"{storm.topic}/#", storm.tally)
    reader.start()
    moments = sorted(lots("everything is killed").sample(range(MESSAGES // 10, MESSAGES * 9 // 10), KILLS))
    print(f"after {moments} of {MESSAGES} acknowledgements")
    with storm.blowing():
        for moment in moments:
            storm.tally.wait_for(moment)
            whole.kill_everything()
            lives.close()
            whole.start()
    reader.finish()
    lives.check()
    whole.prove()
    ledger = read_ledger(whole.kafka)
    again = sum(check_publisher(ledger, publisher) for publisher in storm.publishers)
    for publisher in storm.publishers:
        check_received(reader.received, publisher)
    print(f"{storm.messages} messages, {again} again, {ledger.void} void, patience {PATIENCE:g} s")
