"""The one writer of an index: opens it under its lock, catches up, carries out orders, tells its status."""
