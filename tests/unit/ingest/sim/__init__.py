"""A whole ingest node on a log in memory: real node, server, connections and codec; only Kafka and sockets are played.

What is played keeps to what the real thing promises (``log``: append order, append times, frames as bytes;
``journal``: the rules of :mod:`ingest.log.journal`; ``transport``: order, back pressure, half-read streams), and
leaves out nothing that could go wrong between: a frame that is sealed may land late, never, or after its node died.
"""
