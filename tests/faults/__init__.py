"""Faults: processes killed, peers that vanish, services away."""
