"""Who is let in, with which rights, and who has to go when ``mq.admin`` changes.

A client is told to wait while its password is verified, and asks again; so whatever has changed meanwhile counts.
A tenant that is not the default one is entered with a verified password only, whatever the settings say. What is said
of an unknown user takes as long as what is said of a wrong password, and nobody makes a tenant by naming it.

Who may do what: everything runs on the event loop; the tail of ``mq.admin`` alone calls :meth:`Access.changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from domain.access import DEFAULT_TENANT, LONGEST_PASSWORD, Action, Who, ban_of, tenant_and_user
from domain.admin import AdminState
from ingest.access.passwords import BusyError, Passwords
from ingest.access.rights import ALL, Rights
from ingest.mqtt.codec import ConnectPacket, ReasonCode
from ingest.settings import ClientSettings, MqttSettings
from ops.loopback import is_loopback
from schemas.admin import AclAdded, AclCacheCleared, AclRemoved, AdminEvent, Banned, PluginSet, UserRemoved, UserSet

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from ingest.mqtt.server import Server
    from ingest.node.session import Session

AUTHENTICATION = "password_authentication"
"""The module that lets nobody in without a password."""
ACL = "acl"
"""The module that asks access rules."""
_USERNAME_TOLD = 256
"""Characters of a refused user name that go to the log."""

_WRONG = ReasonCode.BAD_USER_NAME_OR_PASSWORD, "the user name or the password is wrong"
_MISSING = ReasonCode.NOT_AUTHORIZED, "a user name and a password are needed"
_LONG = ReasonCode.BAD_USER_NAME_OR_PASSWORD, "the user name is too long"
_BANNED = ReasonCode.BANNED, "banned"
BUSY = ReasonCode.SERVER_BUSY, "too many passwords wait to be verified"
_WILL = ReasonCode.NOT_AUTHORIZED, "the topic of the will is not allowed"


class Entrance(NamedTuple):
    """As whom a client comes in, or why it does not."""

    tenant: str
    username: str
    superuser: bool = False
    credential: str = ""
    """The stored hash that its password was verified with; empty: nothing was verified."""
    refusal: tuple[ReasonCode, str] | None = None


class Access:
    """Invariants: ``users`` holds the open connections that have a user name; ``_names`` are the users of each tenant
    that has any."""

    def __init__(self, mqtt: MqttSettings, settings: ClientSettings, admin: AdminState, now: Callable[[], int]) -> None:
        """``now`` is the time in milliseconds since 1970 UTC."""
        self.settings = settings
        self.passwords = Passwords(
            settings.password_threads, settings.password_queue, mqtt.connect_timeout / 2, settings.password_cache
        )
        self.users: dict[tuple[str, str], set[Connection]] = {}
        self._mqtt = mqtt
        self._admin = admin
        self._now = now
        self._rights: dict[str, Rights] = {}
        self._names: dict[str, set[str]] = {}

    def begin(self) -> None:
        """``mq.admin`` is folded to its end: what comes now is told to :meth:`changed`."""
        for tenant, username in self._admin.users:
            self._names.setdefault(tenant, set()).add(username)

    @property
    def open(self) -> bool:
        """Whether strangers are let into the default tenant. Beyond loopback nobody but the configuration says so."""
        switched = self._admin.plugins.get(AUTHENTICATION)
        if switched is None:
            return self._mqtt.authentication == "open"
        return not switched and (is_loopback(self._mqtt.host) or self._mqtt.allow_anonymous_remote)

    # Coming in

    def enter(self, packet: ConnectPacket, connection: Connection) -> Entrance | None:
        """As whom a client comes in; None when its password is being verified and it is to ask again."""
        text = packet.username or ""
        if len(text.encode()) > self._mqtt.max_username_bytes:
            return self.refused(text, _LONG)
        tenant, user = tenant_and_user(text, DEFAULT_TENANT) if self._named else (DEFAULT_TENANT, text)
        who = Who(packet.client_id, user, connection.peer[0])
        if ban_of(self._admin.bans, tenant, who, self._now()):
            return self.refused(text, _BANNED)
        entrance = self._identify(packet, tenant, user, connection)
        if entrance is None or entrance.refusal is not None or packet.will is None:
            return entrance
        rights = self.rights(entrance)
        if rights.judging and not rights.rules.check(who, Action.PUBLISH, packet.will.topic).allowed:
            return entrance._replace(refusal=_WILL)
        return entrance

    def _identify(self, packet: ConnectPacket, tenant: str, user: str, connection: Connection) -> Entrance | None:
        stored = self._admin.users.get((tenant, user))
        if stored is None and tenant == DEFAULT_TENANT and self.open:
            return Entrance(tenant, user)
        if packet.username is None or packet.password is None:
            return self.refused(packet.username or "", _MISSING)
        try:
            right = self._verify(stored, (tenant, user), packet.password, connection)
        except BusyError:
            return self.refused(packet.username, BUSY)
        if right is None:
            return None
        if stored is None or not right:
            return self.refused(packet.username, _WRONG)
        return Entrance(tenant, user, stored.superuser, stored.password)

    def _verify(
        self, stored: UserSet | None, user: tuple[str, str], password: bytes, connection: Connection
    ) -> bool | None:
        """Whether the password is right, or None; for an unknown user as slowly, by the hash of another."""
        asked = stored or next(iter(self._admin.users.values()), None)
        if asked is None or len(password) > LONGEST_PASSWORD:
            return False
        return self.passwords.ask((*user, asked.password, password), connection.peer[0], connection)

    def refused(self, username: str, refusal: tuple[ReasonCode, str]) -> Entrance:
        """Somebody who is not let in, told of in the tenant that was named, if there is such a one."""
        tenant, user = tenant_and_user(username, DEFAULT_TENANT) if self._named else (DEFAULT_TENANT, username)
        if tenant != DEFAULT_TENANT and tenant not in self._names:
            tenant, user = DEFAULT_TENANT, username
        return Entrance(tenant, user[:_USERNAME_TOLD], refusal=refusal)

    def foreign(self, entrance: Entrance, session: Session | None) -> bool:
        """Whether a session is another user's than who comes in with its client id. What nobody verified is no user's:
        where there are no users, a client may change its name."""
        if session is None or session.state is None or session.state.connection.username == entrance.username:
            return False
        return bool(entrance.credential) or (session.tenant, session.state.connection.username) in self._admin.users

    @property
    def _named(self) -> bool:
        return self._mqtt.tenant_from == "username"

    def rights(self, entrance: Entrance) -> Rights:
        """What somebody who comes in may do."""
        return ALL if entrance.superuser else self._rights_of(entrance.tenant)

    def _rights_of(self, tenant: str) -> Rights:
        rights = self._rights.get(tenant)
        if rights is None:
            rights = self._rights[tenant] = Rights()
            self._judge_by(tenant, rights)
        return rights

    def _judge_by(self, tenant: str, rights: Rights) -> None:
        if not self._admin.plugins.get(ACL, True):
            rights.change(False, list, True)
            return
        default = self.settings.acl_default == "allow"
        judging = bool(self._admin.rules.get(tenant)) or not default
        rights.change(judging, lambda: self._admin.rules_of(tenant), default)

    # Being in

    def opened(self, connection: Connection) -> str:
        """A client is in. Why it must go again, if what let it in has changed on the way; empty: it may stay."""
        event = connection.connected_event
        assert event is not None
        if event.username:
            self.users.setdefault((event.tenant, event.username), set()).add(connection)
            stored = self._admin.users.get((event.tenant, event.username))
            if (stored.password if stored is not None else "") != connection.credential:
                return "the user was changed or removed"
        who = Who(event.client_id, event.username, event.address)
        return "banned" if ban_of(self._admin.bans, event.tenant, who, self._now()) else ""

    def closed(self, connection: Connection) -> None:
        """A client is gone."""
        event = connection.connected_event
        if event is None or not event.username:
            return
        key = (event.tenant, event.username)
        same = self.users.get(key)
        if same is not None:
            same.discard(connection)
            if not same:
                del self.users[key]

    # What a node asks (see ingest.node.commands)

    def may_subscribe(self, session: Session, topic_filter: str) -> bool:
        """Whether access rules let the client of a session, connected or away, subscribe to a valid filter."""
        assert session.state is not None
        was = session.state.connection
        user = self._admin.users.get((was.tenant, was.username))
        rights = self.rights(Entrance(was.tenant, was.username, user is not None and user.superuser))
        who = Who(was.client_id, was.username, was.address)
        return not rights.judging or rights.rules.check(who, Action.SUBSCRIBE, topic_filter).allowed

    def forget(self, connection: Connection, topic: str) -> None:
        """Forget what is remembered of a connection: of a topic, or all when it is empty."""
        if connection.judge is not None:
            connection.judge.forget(topic)

    # What mq.admin changes

    def changed(self, event: AdminEvent, server: Server) -> list[tuple[Connection, str]]:
        """An event of ``mq.admin`` took effect: the connections that have to go, and why."""
        if isinstance(event, UserSet):
            return self._user_set(event)
        if isinstance(event, UserRemoved):
            return self._user_removed(event)
        if isinstance(event, Banned):
            return [(connection, "banned") for connection in self._banned(event, server)]
        if isinstance(event, AclAdded | AclRemoved):
            if (rights := self._rights.get(event.tenant)) is not None:
                self._judge_by(event.tenant, rights)
        elif isinstance(event, AclCacheCleared):
            for tenant, rights in self._rights.items():
                if event.tenant in ("*", tenant):
                    rights.forget()
        elif isinstance(event, PluginSet) and event.name == ACL:
            for tenant, rights in self._rights.items():
                self._judge_by(tenant, rights)
        return []

    def _user_set(self, event: UserSet) -> list[tuple[Connection, str]]:
        self._names.setdefault(event.tenant, set()).add(event.username)
        here = self.users.get((event.tenant, event.username), ())
        rights = self.rights(Entrance(event.tenant, event.username, event.superuser))
        for connection in here:
            connection.grant(rights)
        return [(one, "the user has another password") for one in here if one.credential != event.password]

    def _user_removed(self, event: UserRemoved) -> list[tuple[Connection, str]]:
        names = self._names.get(event.tenant, set())
        names.discard(event.username)
        if not names:
            self._names.pop(event.tenant, None)
        here = self.users.get((event.tenant, event.username), ())
        return [(connection, "the user was removed") for connection in here]

    def _banned(self, ban: Banned, server: Server) -> list[Connection]:
        if ban.until and ban.until <= self._now():
            return []
        if ban.kind == "username":
            return list(self.users.get((ban.tenant, ban.who), ()))
        if ban.kind == "clientid":
            session = server.node.sessions.get((ban.tenant, ban.who))
            return [] if session is None or session.connection is None else [session.connection]
        ways = (ban.who, f"::ffff:{ban.who}")
        return [one for one in server.connections if one.peer[0] in ways and one.tenant == ban.tenant]

    def close(self) -> None:
        """Verify nothing more."""
        self.passwords.close()
