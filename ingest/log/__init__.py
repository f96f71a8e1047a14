"""Appending frames to the log, reading them back, and going on after an append that failed."""
