"""``python -m bench``: all benchmarks, as ``python -m bench.all``."""

from bench.all import main

main()
