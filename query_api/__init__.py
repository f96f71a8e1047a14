"""Read models to HTTP."""
