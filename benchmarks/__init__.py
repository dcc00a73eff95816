"""Speed and memory of what must be fast: `python -m benchmarks [--quick] [NAME ...]`."""
