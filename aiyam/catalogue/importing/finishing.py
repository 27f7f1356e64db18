"""The last step of every import: one transaction, with the facts about the data; a failed write changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiyam.catalogue.facts import FINGERPRINT, SOURCE, SYNTHETIC
from aiyam.errors import Conflict, DataError, InvalidInput, StoreError
from aiyam.store import Store
from aiyam.store.catalogue_writes import write_catalogue
from aiyam.store.columns import get_fact
from aiyam.store.schema import Table

INPUTS = "catalogue_inputs"


def commit(
    store: Store,
    source: str,
    tables: Sequence[tuple[Table, Mapping[str, Sequence[Any]]]],
    *,
    replace: bool,
    more_facts: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Write the tables and the facts in one transaction; return how many rows each table grew by.

    ``synthetic`` becomes ``false``, or ``mixed`` where the rows stand beside a synthetic city. The fingerprint depends on
    the rows written, import by import, so importing the same file twice leaves it as it is.

    Raises:
        DataError: the store refused (disk full, locked); nothing was changed.
    """
    facts = {**_facts_after(store, source, _digest_of(tables), replace=replace), **(more_facts or {})}
    try:
        return write_catalogue(store, tables, facts, replace=replace)
    except (StoreError, Conflict, InvalidInput) as error:
        raise DataError(
            f"Expected to store the rows of {source}, but: {error.message}",
            hint="Nothing was changed. Free disk space or end other writers, then import the file again.",
        ) from error


def _facts_after(store: Store, source: str, digest: str, *, replace: bool) -> dict[str, str]:
    inputs: list[str] = [] if replace else json.loads(get_fact(store, INPUTS) or "[]")
    was_synthetic = None if replace else get_fact(store, SYNTHETIC)
    before = None if replace else get_fact(store, FINGERPRINT)
    sources = [] if replace else [s for s in (get_fact(store, SOURCE) or "").split(" + ") if s]
    if not inputs and before:
        inputs = [before]  # a city, or another writer's catalogue, is the first input
    inputs = [one for one in inputs if one != digest] + [digest]
    sources = [one for one in sources if one != source] + [source]
    return {
        SOURCE: " + ".join(sources),
        SYNTHETIC: "mixed" if was_synthetic in ("true", "mixed") else "false",
        INPUTS: json.dumps(inputs),
        FINGERPRINT: hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16],
    }


def _digest_of(tables: Sequence[tuple[Table, Mapping[str, Sequence[Any]]]]) -> str:
    digest = hashlib.sha256()
    for table, columns in tables:
        for name, values in columns.items():
            digest.update(f"{table.name}.{name}".encode())
            digest.update(repr(values).encode())
    return digest.hexdigest()
