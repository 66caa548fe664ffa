"""What the world will see: pure functions from listings to the bytes of pages."""
