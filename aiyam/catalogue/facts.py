"""What the store says about its catalogue as a whole: where it came from, whether it is invented, its fingerprint."""

from __future__ import annotations

from aiyam.store import Store
from aiyam.store.columns import get_fact, set_fact

SOURCE = "catalogue_source"
SYNTHETIC = "synthetic"
FINGERPRINT = "fingerprint"


def stamp(store: Store, *, source: str, synthetic: bool, fingerprint: str) -> None:
    """Record the catalogue's facts; every generation and every import ends with it."""
    set_fact(store, SOURCE, source)
    set_fact(store, SYNTHETIC, "true" if synthetic else "false")
    set_fact(store, FINGERPRINT, fingerprint)


def is_synthetic(store: Store) -> bool:
    """Whether the catalogue in the store is the invented city, or holds it beside imported shops ("mixed")."""
    return get_fact(store, SYNTHETIC) in ("true", "mixed")


def fingerprint_of(store: Store) -> str:
    """Return the stored fingerprint, or an empty string before anything was imported."""
    return get_fact(store, FINGERPRINT) or ""
