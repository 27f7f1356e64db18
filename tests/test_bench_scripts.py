"""The benchmarks are not run by the tests, so at least everything they import has to be there."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent / "bench").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_benchmark_imports_only_what_there_is(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("aiyam"):
            module = importlib.import_module(node.module)
            missing = [name.name for name in node.names if not hasattr(module, name.name)]
            for name in list(missing):
                try:
                    importlib.import_module(f"{node.module}.{name}")
                    missing.remove(name)
                except ModuleNotFoundError:
                    continue
            assert not missing, f"{script.name} imports {missing} from {node.module}"
