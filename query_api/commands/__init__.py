"""The command side: events that ask for something, appended to the log, and what came of them."""
