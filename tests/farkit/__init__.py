"""Far ends for the connector: brokers with TLS and websockets, and certificates to believe or not."""
