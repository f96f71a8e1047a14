"""Hostile and odd requests by the thousand, from OpenAPI documents, at a running API: see ``__main__``."""
