"""Importers: public merchant lists and the service's workbook into the store; bad rows go to a rejects file."""

from aiyam.catalogue.importing.files import import_file
from aiyam.catalogue.importing.merchants import import_merchants
from aiyam.catalogue.importing.workbook import import_workbook

__all__ = ["import_file", "import_merchants", "import_workbook"]
