"""EMQX 4's HTTP API, ``/api/v4``: a thin translation over the queries and commands that all dialects share."""
