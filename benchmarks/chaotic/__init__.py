"""The parts of `benchmarks.chaos`: proxies, faults, triggers and the count."""
