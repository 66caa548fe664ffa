"""What we think of it: pure functions from values to values; time enters as an argument."""
