"""TCP ports of this machine: free ones, and who holds a taken one."""

from __future__ import annotations

import errno
import socket

from stack.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int, purpose: str, setting: str) -> None:
    """Raise StackError with the holder's name when the port is taken; port 0 is always free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StackError(_sentence(error, host, port, purpose, setting)) from error


def _sentence(error: OSError, host: str, port: int, purpose: str, setting: str) -> str:
    mend = f"choose another with {setting}"
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host}, wanted for {purpose}, is taken{_holder(port)}; stop that program or {mend}."
    if error.errno == errno.EACCES:
        return f"Port {port} on {host}, wanted for {purpose}, needs rights that you don't have; {mend}."
    return f"Port {port} on {host} can't be used for {purpose} ({error.strerror}); {mend}."


def _holder(port: int) -> str:
    """`` by NAME (process N)``, or nothing when the system doesn't tell."""
    try:
        import psutil
    except ImportError:
        return ""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return ""
    return ""
