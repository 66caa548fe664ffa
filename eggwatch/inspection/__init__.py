"""Archives are opened in processes of their own: their limits, their queues, and what a death of one costs."""
