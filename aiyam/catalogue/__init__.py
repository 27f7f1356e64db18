"""Shops, menus, users and what they did, as arrays; importers; the synthetic city."""
