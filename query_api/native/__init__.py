"""The API of our own, under ``/api/mqledger/v1``: one table of operations gives routes, checks, OpenAPI and client."""
