"""The only writer of an index: opens it under its lock, catches up, carries out orders, writes its status."""
