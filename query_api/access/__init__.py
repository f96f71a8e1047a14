"""Who asks, and what they may do: accounts, API keys, sessions, and the limits on guessing."""
