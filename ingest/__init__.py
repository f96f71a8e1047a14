"""Sockets to log: protocol cores, their thin asyncio shells, and the log itself."""
