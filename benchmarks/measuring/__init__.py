"""What the benchmarks share: small archives, and programs whose time, CPU and memory are taken."""
