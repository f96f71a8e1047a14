"""Who is let in and what a client may do: passwords, tenants, access rules and bans, as ``mq.admin`` has them."""
