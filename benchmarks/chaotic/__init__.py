"""What `benchmarks.chaos` is made of: proxies, faults, triggers, and the count."""
