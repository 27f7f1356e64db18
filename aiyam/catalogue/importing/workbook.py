"""The service's workbook (about 30 sheets, of which eight are used) into the store, without what would name a person.

Nicknames, phone numbers of people and addresses below the district are not stored; user ids become pseudonyms and
birthdays keep their month only. Review comments are stored only through a mask that the caller passes in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from aiyam.catalogue.importing.finishing import commit
from aiyam.catalogue.importing.headers import SheetSpec, match_columns, plain_header, workbook_specs
from aiyam.catalogue.importing.pseudonyms import SALT_FACT, Pseudonyms
from aiyam.catalogue.importing.reading import sheets_of
from aiyam.catalogue.importing.rejects import Rejects
from aiyam.catalogue.importing.staging import ROW, StagedSheet, Staging
from aiyam.catalogue.importing.workbook_columns import SheetRow, WorkbookColumns
from aiyam.contracts import KST, ImportReport, Progress
from aiyam.errors import DataError
from aiyam.store import Store
from aiyam.store.schema import favorite, person, product_order, review, shop, shop_menu


def import_workbook(
    store: Store,
    path: Path,
    *,
    replace: bool = False,
    rejects_dir: Path | None = None,
    mask: Callable[[str], str] | None = None,
    now: datetime | None = None,
    keep_staging: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImportReport:
    """Import the service's export; the same file twice adds nothing.

    Args:
        replace: put it in place of the catalogue, people and orders that are there; else add.
        rejects_dir: folder of the rejects file; None is the folder of ``path``.
        mask: takes personal data out of review comments; without it comments are not stored.
        now: orders and reviews after this moment are rejected; None is the present.
        keep_staging: keep the sheets as they came in this SQLite file.

    Raises:
        DataError: unreadable, without a usable ``shop`` sheet, or the store refused; the store is then unchanged.
    """
    began = time.perf_counter()
    path = Path(path)
    tell = progress or (lambda _: None)
    pseudonyms = Pseudonyms.of_store(store)
    rejects = Rejects()
    seen: list[str] = []
    sheets: dict[str, tuple[StagedSheet, dict[str, str]]] = {}
    with Staging.opened(keep_staging) as staging:
        tell(Progress(stage="read", fraction=0.0, message=path.name))
        for raw in sheets_of(path):
            seen.append(raw.name)
            spec = _spec_of(raw.name)
            if spec is not None and spec.field not in sheets:
                columns = match_columns(raw.header, spec.columns)
                missing = [need for need in spec.needs if need not in columns]
                if missing:
                    raise DataError(
                        f"Expected columns {', '.join(spec.needs)} in sheet {raw.name!r} of {path.name}, "
                        f"got: {', '.join(raw.header[:15])}.",
                        hint=f"Missing: {', '.join(missing)}. Export the sheet with its header row.",
                    )
                sheets[spec.field] = (staging.add(raw), columns)
        if "shop" not in sheets:
            raise DataError(
                f"Expected a sheet named shop in {path.name}, got: {', '.join(seen[:30]) or 'no sheet with a header'}.",
                hint="Import the service's export with its sheet names; a plain list of shops is imported as CSV.",
            )
        tell(Progress(stage="map", fraction=0.4))
        mapper = WorkbookColumns(path.name, rejects, pseudonyms, mask, int((now or datetime.now(KST)).timestamp()))
        for name in ("shop", "shop_menu", "user", "foodcard", "favorite", "product_order", "ticket", "review"):
            if name in sheets:
                staged, columns = sheets[name]
                for row in staging.rows(staged):
                    mapper.take(name, SheetRow(staged.name, int(row[ROW]), row, columns, rejects))
    mapper.shops.decide(mapper.drinks)
    where = rejects.write(rejects_dir or path.parent, path.stem)
    if not len(mapper.shops):
        raise DataError(
            f"Expected shops in sheet 'shop' of {path.name}, but none of its rows could be used.",
            hint=f"See {where} for the reasons." if where else "The sheet has a header and nothing else.",
        )
    tell(Progress(stage="write", fraction=0.8))
    tables = [
        (shop, mapper.shops.shops),
        (shop_menu, mapper.shops.menus),
        (person, mapper.people_columns()),
        (product_order, mapper.orders),
        (favorite, mapper.favorites),
        (review, mapper.reviews),
    ]
    grown = commit(
        store,
        path.name,
        [(table, columns) for table, columns in tables if next(iter(columns.values()))],
        replace=replace,
        more_facts={SALT_FACT: pseudonyms.salt},
    )
    tell(Progress(stage="done", fraction=1.0))
    return ImportReport(
        source=path.name,
        rows_read=sum(staged.n_rows for staged, _ in sheets.values()),
        shops=len(mapper.shops),
        menus=len(mapper.shops.menus["menu_id"]),
        users=len(mapper.people),
        interactions=len(mapper.orders["order_id"])
        + len(mapper.favorites["user_id"])
        + len(mapper.reviews["review_id"]),
        new_shops=grown.get("shop", 0),
        flagged_venues=mapper.shops.n_flagged,
        rejected=rejects.n_rows,
        repaired=rejects.n_repaired,
        rejects_file=str(where) if where else None,
        seconds=round(time.perf_counter() - began, 3),
    )


def _spec_of(sheet: str) -> SheetSpec | None:
    plain = plain_header(sheet)
    return next((spec for spec in workbook_specs() if plain in spec.names), None)
