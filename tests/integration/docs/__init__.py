"""Snippets of the documents, run against a real stack."""
