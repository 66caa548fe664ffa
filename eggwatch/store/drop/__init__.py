"""DROP: its files, the answers that are written there, and how judged originals are removed."""
