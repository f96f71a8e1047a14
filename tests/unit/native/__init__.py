"""The native API without a server."""
