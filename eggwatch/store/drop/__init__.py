"""DROP: what lies there, what we answer there, and how judged originals leave."""
