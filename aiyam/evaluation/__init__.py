"""Held-out evaluation of each part and of the whole system."""
