"""What the broker promises when its processes are killed and when Kafka is away: the bounded form of the suite.

The long form: ``python -m tests.faults.broker.long``.
"""
