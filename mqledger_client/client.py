"""Every operation of the API.

Written by `python -m tools.client` from the OpenAPI document; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Literal

from mqledger_client import models
from mqledger_client.http import ServerEvent, Transport, segment


class Client:
    """An API. Use it as a context, or close it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        self._transport.close()

    def get_me(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Me:
        """Who I am."""
        return self._transport.request(
            "GET",
            "/me",
            models.Me,
            query={"tenant": tenant, "at_least": at_least},
        )

    def login(
        self,
        body: models.Login,
        *,
        tenant: str | None = None,
    ) -> models.Token:
        """Log in with an account: a token for further requests, good until the account changes or its time is up."""
        return self._transport.request(
            "POST",
            "/login",
            models.Token,
            query={"tenant": tenant},
            body=body,
        )

    def change_password(
        self,
        body: models.NewPassword,
        *,
        tenant: str | None = None,
    ) -> models.Outcome:
        """Change the password of the account that asks."""
        return self._transport.request(
            "PUT",
            "/me/password",
            models.Outcome,
            query={"tenant": tenant},
            body=body,
        )

    def reload(
        self,
        *,
        tenant: str | None = None,
    ) -> models.Reloaded:
        """Read the configuration of the API again; what can be is in force at once."""
        return self._transport.request(
            "POST",
            "/reload",
            models.Reloaded,
            query={"tenant": tenant},
        )

    def list_sessions(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        as_of: str | None = None,
        state: Literal["all", "connected", "disconnected"] | None = None,
        prefix: str | None = None,
        username: str | None = None,
        address: str | None = None,
        node: str | None = None,
        zone: str | None = None,
        clean_start: bool | None = None,
        version: int | None = None,
        created_from: str | None = None,
        created_to: str | None = None,
        connected_from: str | None = None,
        connected_to: str | None = None,
        contains: str | None = None,
        username_contains: str | None = None,
        sort: Literal[
            "-address", "-client_id", "-created_at", "-username", "address", "client_id", "created_at", "username"
        ]
        | None = None,
        fields: list[
            Literal[
                "address",
                "bridge",
                "clean_start",
                "client_id",
                "connected",
                "connected_at",
                "connection_name",
                "created_at",
                "disconnect_code",
                "disconnect_reason",
                "disconnected_at",
                "expiry_interval",
                "has_will",
                "keep_alive",
                "listener",
                "max_packet_size",
                "node",
                "port",
                "protocol",
                "receive_maximum",
                "request_problem",
                "request_response",
                "since",
                "subscriptions",
                "tls_identity",
                "topic_alias_max",
                "username",
                "version",
                "zone",
            ]
        ]
        | None = None,
    ) -> models.SessionPage:
        """Sessions by client id, as they are or as they were; or by age, and then by any combination of filters."""
        return self._transport.request(
            "GET",
            "/sessions",
            models.SessionPage,
            query={
                "tenant": tenant,
                "at_least": at_least,
                "limit": limit,
                "cursor": cursor,
                "as_of": as_of,
                "state": state,
                "prefix": prefix,
                "username": username,
                "address": address,
                "node": node,
                "zone": zone,
                "clean_start": clean_start,
                "version": version,
                "created_from": created_from,
                "created_to": created_to,
                "connected_from": connected_from,
                "connected_to": connected_to,
                "contains": contains,
                "username_contains": username_contains,
                "sort": sort,
                "fields": fields,
            },
        )

    def get_session(
        self,
        client_id: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        as_of: str | None = None,
    ) -> models.SessionDetail:
        """One session with its measurements and subscriptions, as it is or as it was."""
        return self._transport.request(
            "GET",
            f"/sessions/{segment(client_id)}",
            models.SessionDetail,
            query={"tenant": tenant, "at_least": at_least, "as_of": as_of},
        )

    def kick_session(
        self,
        client_id: str,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        username: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """End a session and the connection that it has."""
        return self._transport.request(
            "DELETE",
            f"/sessions/{segment(client_id)}",
            models.Outcome,
            query={"tenant": tenant, "reason": reason, "username": username},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def get_queue(
        self,
        client_id: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Queue:
        """How long the queue of a session is."""
        return self._transport.request(
            "GET",
            f"/sessions/{segment(client_id)}/queue",
            models.Queue,
            query={"tenant": tenant, "at_least": at_least},
        )

    def list_session_subscriptions(
        self,
        client_id: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        as_of: str | None = None,
    ) -> models.SubscriptionPage:
        """Subscriptions of a session by filter, as they are or as they were."""
        return self._transport.request(
            "GET",
            f"/sessions/{segment(client_id)}/subscriptions",
            models.SubscriptionPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor, "as_of": as_of},
        )

    def subscribe(
        self,
        client_id: str,
        body: models.Subscribing,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Subscribe on behalf of a client, connected or away; `codes` tells what became of each filter."""
        return self._transport.request(
            "POST",
            f"/sessions/{segment(client_id)}/subscriptions",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def disconnect_session(
        self,
        client_id: str,
        body: models.Disconnecting,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Disconnect a client; its session stays as long as it would."""
        return self._transport.request(
            "POST",
            f"/sessions/{segment(client_id)}/disconnect",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def unsubscribe(
        self,
        client_id: str,
        body: models.Unsubscribing,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Unsubscribe on behalf of a client, connected or away; `codes` tells what became of each filter."""
        return self._transport.request(
            "POST",
            f"/sessions/{segment(client_id)}/unsubscribe",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def expire_sessions(
        self,
        body: models.Expiring,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """End the sessions of the tenant that have been away for so long; `count` tells how many."""
        return self._transport.request(
            "POST",
            "/expirations",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def list_queue(
        self,
        client_id: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.QueuePage:
        """Messages that wait for a client, without payloads, read from the log up to where it ended at the first
        page.
        """
        return self._transport.request(
            "GET",
            f"/sessions/{segment(client_id)}/queue/messages",
            models.QueuePage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor},
        )

    def get_queued(
        self,
        client_id: str,
        position: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.QueuedMessage:
        """A message that waits for a client, with its payload, which is read from the log."""
        return self._transport.request(
            "GET",
            f"/sessions/{segment(client_id)}/queue/messages/{segment(position)}",
            models.QueuedMessage,
            query={"tenant": tenant, "at_least": at_least},
        )

    def list_subscriptions(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        filter_: str | None = None,
        prefix: str | None = None,
        client_id: str | None = None,
        state: Literal["all", "connected", "disconnected"] | None = None,
        node: str | None = None,
        qos: int | None = None,
        group: str | None = None,
        match: str | None = None,
    ) -> models.SubscriptionPage:
        """Subscriptions of all sessions by filter and client id."""
        return self._transport.request(
            "GET",
            "/subscriptions",
            models.SubscriptionPage,
            query={
                "tenant": tenant,
                "at_least": at_least,
                "limit": limit,
                "cursor": cursor,
                "filter": filter_,
                "prefix": prefix,
                "client_id": client_id,
                "state": state,
                "node": node,
                "qos": qos,
                "group": group,
                "match": match,
            },
        )

    def list_routes(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        filter_: str | None = None,
        prefix: str | None = None,
    ) -> models.RoutePage:
        """Which nodes have sessions that hold which filters."""
        return self._transport.request(
            "GET",
            "/routes",
            models.RoutePage,
            query={
                "tenant": tenant,
                "at_least": at_least,
                "limit": limit,
                "cursor": cursor,
                "filter": filter_,
                "prefix": prefix,
            },
        )

    def get_stats(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Stats:
        """Present numbers of the tenant."""
        return self._transport.request(
            "GET",
            "/stats",
            models.Stats,
            query={"tenant": tenant, "at_least": at_least},
        )

    def get_metrics(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Metrics:
        """What happened, by name."""
        return self._transport.request(
            "GET",
            "/metrics",
            models.Metrics,
            query={"tenant": tenant, "at_least": at_least},
        )

    def publish(
        self,
        body: models.NewMessage,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Publish a message."""
        return self._transport.request(
            "POST",
            "/messages",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def clear_retained(
        self,
        topic: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Forget the retained message of a topic; nobody is told."""
        return self._transport.request(
            "DELETE",
            f"/retained/{segment(topic)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
        )

    def get_retained(
        self,
        topic: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.RetainedMessage:
        """The retained message of a topic with its payload, which is read from the log."""
        return self._transport.request(
            "GET",
            f"/retained/{segment(topic)}",
            models.RetainedMessage,
            query={"tenant": tenant, "at_least": at_least},
        )

    def list_retained(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        prefix: str | None = None,
    ) -> models.RetainedPage:
        """Retained messages by topic, without payloads."""
        return self._transport.request(
            "GET",
            "/retained",
            models.RetainedPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor, "prefix": prefix},
        )

    def list_users(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        prefix: str | None = None,
    ) -> models.UserPage:
        """Users of the tenant by name."""
        return self._transport.request(
            "GET",
            "/users",
            models.UserPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor, "prefix": prefix},
        )

    def add_user(
        self,
        body: models.NewUser,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Add a user; 409 when there is one of this name, or when the name says another tenant to every node."""
        return self._transport.request(
            "POST",
            "/users",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def get_user(
        self,
        username: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.User:
        """One user."""
        return self._transport.request(
            "GET",
            f"/users/{segment(username)}",
            models.User,
            query={"tenant": tenant, "at_least": at_least},
        )

    def put_user(
        self,
        username: str,
        body: models.UserGiven,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> models.Outcome:
        """Make a user, or give it another password; connections with the old one end."""
        return self._transport.request(
            "PUT",
            f"/users/{segment(username)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match, "If-None-Match": if_none_match},
            body=body,
        )

    def delete_user(
        self,
        username: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Remove a user; its connections end."""
        return self._transport.request(
            "DELETE",
            f"/users/{segment(username)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def list_rules(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.RulePage:
        """Access rules in the order in which they are asked."""
        return self._transport.request(
            "GET",
            "/acl/rules",
            models.RulePage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor},
        )

    def add_rule(
        self,
        body: models.NewRule,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Add an access rule."""
        return self._transport.request(
            "POST",
            "/acl/rules",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def get_rule(
        self,
        rule: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Rule:
        """One access rule."""
        return self._transport.request(
            "GET",
            f"/acl/rules/{segment(rule)}",
            models.Rule,
            query={"tenant": tenant, "at_least": at_least},
        )

    def delete_rule(
        self,
        rule: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Remove an access rule."""
        return self._transport.request(
            "DELETE",
            f"/acl/rules/{segment(rule)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def try_rules(
        self,
        *,
        client_id: str,
        topic: str,
        action: Literal["publish", "subscribe"],
        tenant: str | None = None,
        at_least: str | None = None,
        username: str | None = None,
        address: str | None = None,
    ) -> models.Verdict:
        """What the access rules say of a client's wish."""
        return self._transport.request(
            "GET",
            "/acl/test",
            models.Verdict,
            query={
                "tenant": tenant,
                "at_least": at_least,
                "client_id": client_id,
                "topic": topic,
                "action": action,
                "username": username,
                "address": address,
            },
        )

    def clear_acl_caches(
        self,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Have nodes forget what they remember of access checks of the tenant's clients."""
        return self._transport.request(
            "DELETE",
            "/acl/cache",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def clear_acl_cache(
        self,
        client_id: str,
        *,
        tenant: str | None = None,
        topic: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Have the node of a client forget what it remembers of the client's access checks."""
        return self._transport.request(
            "DELETE",
            f"/sessions/{segment(client_id)}/acl-cache",
            models.Outcome,
            query={"tenant": tenant, "topic": topic},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def list_bans(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.BanPage:
        """Bans by kind and who."""
        return self._transport.request(
            "GET",
            "/bans",
            models.BanPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor},
        )

    def get_ban(
        self,
        kind: str,
        who: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Ban:
        """One ban."""
        return self._transport.request(
            "GET",
            f"/bans/{segment(kind)}/{segment(who)}",
            models.Ban,
            query={"tenant": tenant, "at_least": at_least},
        )

    def put_ban(
        self,
        kind: str,
        who: str,
        body: models.BanGiven,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> models.Outcome:
        """Ban a client id, user or address; who is connected is disconnected."""
        return self._transport.request(
            "PUT",
            f"/bans/{segment(kind)}/{segment(who)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match, "If-None-Match": if_none_match},
            body=body,
        )

    def delete_ban(
        self,
        kind: str,
        who: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Remove a ban."""
        return self._transport.request(
            "DELETE",
            f"/bans/{segment(kind)}/{segment(who)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def list_accounts(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.AccountPage:
        """Accounts of the admin side by name."""
        return self._transport.request(
            "GET",
            "/accounts",
            models.AccountPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor},
        )

    def add_account(
        self,
        body: models.NewAccount,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Add an account; 409 when there is one of this name, or an API key with it as app id."""
        return self._transport.request(
            "POST",
            "/accounts",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def get_account(
        self,
        name: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Account:
        """One account."""
        return self._transport.request(
            "GET",
            f"/accounts/{segment(name)}",
            models.Account,
            query={"tenant": tenant, "at_least": at_least},
        )

    def change_account(
        self,
        name: str,
        body: models.AccountChange,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Change an account."""
        return self._transport.request(
            "PATCH",
            f"/accounts/{segment(name)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
            body=body,
        )

    def delete_account(
        self,
        name: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Remove an account; 409 for the last administrator."""
        return self._transport.request(
            "DELETE",
            f"/accounts/{segment(name)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def list_api_keys(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.ApiKeyPage:
        """API keys by app id."""
        return self._transport.request(
            "GET",
            "/api-keys",
            models.ApiKeyPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor},
        )

    def add_api_key(
        self,
        body: models.NewApiKey,
        *,
        tenant: str | None = None,
    ) -> models.ApiKeyMade:
        """Add an API key; the answer tells its secret, once. No idempotency key: a repetition would have another
        secret.
        """
        return self._transport.request(
            "POST",
            "/api-keys",
            models.ApiKeyMade,
            query={"tenant": tenant},
            body=body,
        )

    def get_api_key(
        self,
        app_id: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.ApiKey:
        """One API key."""
        return self._transport.request(
            "GET",
            f"/api-keys/{segment(app_id)}",
            models.ApiKey,
            query={"tenant": tenant, "at_least": at_least},
        )

    def change_api_key(
        self,
        app_id: str,
        body: models.ApiKeyChange,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Change an API key."""
        return self._transport.request(
            "PATCH",
            f"/api-keys/{segment(app_id)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
            body=body,
        )

    def delete_api_key(
        self,
        app_id: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Remove an API key."""
        return self._transport.request(
            "DELETE",
            f"/api-keys/{segment(app_id)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def list_nodes(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.NodeList:
        """All nodes by name."""
        return self._transport.request(
            "GET",
            "/nodes",
            models.NodeList,
            query={"tenant": tenant, "at_least": at_least},
        )

    def get_node(
        self,
        node: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Node:
        """One node."""
        return self._transport.request(
            "GET",
            f"/nodes/{segment(node)}",
            models.Node,
            query={"tenant": tenant, "at_least": at_least},
        )

    def list_listeners(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.ListenerList:
        """Listeners of the nodes that run."""
        return self._transport.request(
            "GET",
            "/listeners",
            models.ListenerList,
            query={"tenant": tenant, "at_least": at_least},
        )

    def switch_listener(
        self,
        listener: str,
        body: models.Switch,
        *,
        tenant: str | None = None,
        node: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Have a listener take connections or not; those that there are stay."""
        return self._transport.request(
            "PATCH",
            f"/listeners/{segment(listener)}",
            models.Outcome,
            query={"tenant": tenant, "node": node},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
            body=body,
        )

    def list_plugins(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.PluginList:
        """Modules of the broker."""
        return self._transport.request(
            "GET",
            "/plugins",
            models.PluginList,
            query={"tenant": tenant, "at_least": at_least},
        )

    def switch_plugin(
        self,
        plugin: str,
        body: models.Switch,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Start or stop a module on all nodes."""
        return self._transport.request(
            "PATCH",
            f"/plugins/{segment(plugin)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
            body=body,
        )

    def list_connections(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.ConnectionPage:
        """Connections to other brokers by id."""
        return self._transport.request(
            "GET",
            "/connections",
            models.ConnectionPage,
            query={"tenant": tenant, "at_least": at_least, "limit": limit, "cursor": cursor},
        )

    def add_connection(
        self,
        body: models.NewConnection,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Outcome:
        """Add a connection; 409 when there is one of this id or name, or as many as there may be."""
        return self._transport.request(
            "POST",
            "/connections",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key},
            body=body,
        )

    def get_connection(
        self,
        connection_id: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Connection:
        """One connection, and how it is."""
        return self._transport.request(
            "GET",
            f"/connections/{segment(connection_id)}",
            models.Connection,
            query={"tenant": tenant, "at_least": at_least},
        )

    def put_connection(
        self,
        connection_id: str,
        body: models.ConnectionGiven,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> models.Outcome:
        """Make or replace a connection."""
        return self._transport.request(
            "PUT",
            f"/connections/{segment(connection_id)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match, "If-None-Match": if_none_match},
            body=body,
        )

    def delete_connection(
        self,
        connection_id: str,
        *,
        tenant: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> models.Outcome:
        """Remove a connection."""
        return self._transport.request(
            "DELETE",
            f"/connections/{segment(connection_id)}",
            models.Outcome,
            query={"tenant": tenant},
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
        )

    def list_commands(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        client_id: str | None = None,
        actor: str | None = None,
    ) -> models.CommandPage:
        """Commands of the tenant, newest first; one that concerns all partitions is there once for each."""
        return self._transport.request(
            "GET",
            "/commands",
            models.CommandPage,
            query={
                "tenant": tenant,
                "at_least": at_least,
                "limit": limit,
                "cursor": cursor,
                "client_id": client_id,
                "actor": actor,
            },
        )

    def get_command(
        self,
        id_: str,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
    ) -> models.Command:
        """What is known of a command: the place to look after a 202."""
        return self._transport.request(
            "GET",
            f"/commands/{segment(id_)}",
            models.Command,
            query={"tenant": tenant, "at_least": at_least},
        )

    def list_events(
        self,
        *,
        tenant: str | None = None,
        at_least: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        client_id: str | None = None,
        kind: list[
            Literal[
                "account_removed",
                "account_set",
                "acl_added",
                "acl_cache_cleared",
                "acl_removed",
                "api_key_removed",
                "api_key_set",
                "banned",
                "clear_acl",
                "command_done",
                "connected",
                "connection_removed",
                "connection_set",
                "connection_status",
                "denied",
                "disconnected",
                "dropped",
                "expire",
                "kick",
                "listener_set",
                "node_lost",
                "node_started",
                "node_stopped",
                "plugin_set",
                "publish",
                "published",
                "received",
                "refused",
                "released",
                "retain",
                "sending",
                "session_ended",
                "subscribe",
                "subscribed",
                "unbanned",
                "unsubscribe",
                "unsubscribed",
                "user_removed",
                "user_set",
                "will_fired",
            ]
        ]
        | None = None,
        about: list[Literal["administration", "connections", "sessions"]] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> models.EventPage:
        """Events by client, kind and time, read from the log.

        Those of sessions, bans, modules and listeners need the permission `operate`; of users, rules, accounts
        and API keys
        `administer`; changes of connections `connections`. Accounts, API keys, modules and listeners are for
        accounts of
        all tenants.
        """
        return self._transport.request(
            "GET",
            "/events",
            models.EventPage,
            query={
                "tenant": tenant,
                "at_least": at_least,
                "limit": limit,
                "cursor": cursor,
                "client_id": client_id,
                "kind": kind,
                "about": about,
                "since": since,
                "until": until,
            },
        )

    def stream_events(
        self,
        *,
        tenant: str | None = None,
        client_id: str | None = None,
        kind: list[
            Literal[
                "account_removed",
                "account_set",
                "acl_added",
                "acl_cache_cleared",
                "acl_removed",
                "api_key_removed",
                "api_key_set",
                "banned",
                "clear_acl",
                "command_done",
                "connected",
                "connection_removed",
                "connection_set",
                "connection_status",
                "denied",
                "disconnected",
                "dropped",
                "expire",
                "kick",
                "listener_set",
                "node_lost",
                "node_started",
                "node_stopped",
                "plugin_set",
                "publish",
                "published",
                "received",
                "refused",
                "released",
                "retain",
                "sending",
                "session_ended",
                "subscribe",
                "subscribed",
                "unbanned",
                "unsubscribe",
                "unsubscribed",
                "user_removed",
                "user_set",
                "will_fired",
            ]
        ]
        | None = None,
        about: list[Literal["administration", "connections", "sessions"]] | None = None,
        last_event_id: str | None = None,
    ) -> Iterator[ServerEvent]:
        """Live events, as server-sent events: `event` is the kind, `data` an event, `id` a place to go on from.

        Permissions are as with `GET /events`.
        """
        return self._transport.stream(
            "/events/stream",
            query={"tenant": tenant, "client_id": client_id, "kind": kind, "about": about},
            headers={"Last-Event-Id": last_event_id},
        )
