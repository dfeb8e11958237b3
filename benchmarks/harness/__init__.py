"""What benchmarks/bench.py and benchmarks/guard.py are made of."""
