"""The product as a user sees it, held against what was promised: real clients, HTTP, the command line.

Each test names its bar. The long forms: ``python -m tests.acceptance.long --help``.
"""
