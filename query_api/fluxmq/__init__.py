"""The admin API in the dialect of FluxMQ, the original of which our sessions endpoints are drop-in replacements."""
