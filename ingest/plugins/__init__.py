"""Modules of a node that can be switched while it runs."""
