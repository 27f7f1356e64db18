"""Daily metrics, read from the store."""
