"""The state of a node, driven by the log alone, and what it does for the sessions whose home it is."""
