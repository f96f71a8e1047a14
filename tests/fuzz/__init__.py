"""Fuzzing: what must hold for any bytes."""
