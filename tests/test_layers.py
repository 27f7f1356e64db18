"""The arrows: every import inside the project points down, and every module has a level."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Highest first. Parts on one level do not import each other; a part may import itself and anything below.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("aiyam.__main__", "apps"),
    ("annotation", "aiyam.cli"),
    ("aiyam.assistant", "aiyam.pipelines"),
    ("aiyam.training", "aiyam.curation", "aiyam.experiments", "aiyam.monitoring", "aiyam.evaluation", "aiyam.feedback"),
    ("aiyam.pipeline",),
    ("aiyam.parts", "aiyam.comparing", "aiyam.wares"),
    ("aiyam.nlu", "aiyam.candidates", "aiyam.ranking", "aiyam.reply", "aiyam.safety"),
    ("aiyam.korean", "aiyam.catalogue", "aiyam.llm"),
    ("aiyam.store", "aiyam.registry"),
    (
        "aiyam.settings",
        "aiyam.label_verdicts",
        "aiyam.label_contracts",
        "aiyam.contracts",
        "aiyam.errors",
        "aiyam.intervals",
    ),
)
ALLOWED = {
    ("aiyam.contracts", "aiyam.errors"),
    ("aiyam.label_contracts", "aiyam.contracts"),
    ("aiyam.label_verdicts", "aiyam.label_contracts"),
    # The command line starts the servers and the labelling, which live beside it; it imports them inside the commands.
    ("aiyam.cli", "apps"),
    ("aiyam.cli", "annotation"),
}
LEVEL_OF = {part: depth for depth, parts in enumerate(LEVELS) for part in parts}
WEB_LIBRARIES = {"gradio", "streamlit", "fastapi", "starlette", "uvicorn"}


def modules() -> list[Path]:
    return sorted(p for top in ("aiyam", "apps", "annotation") for p in (ROOT / top).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str | None:
    pieces = module.split(".")
    for n in (2, 1):
        if ".".join(pieces[:n]) in LEVEL_OF:
            return ".".join(pieces[:n])
    return None


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports absolute"
            base = node.module or ""
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_import_points_down(path: Path) -> None:
    module = name_of(path)
    if module == "aiyam":  # the package's front door re-exports Pipeline lazily
        return
    part = part_of(module)
    assert part is not None, f"{module} has no level; add it to LEVELS or move it"
    for imported in imports(path):
        target = part_of(imported)
        if target is None or target == part or (part, target) in ALLOWED:
            continue
        assert LEVEL_OF[target] > LEVEL_OF[part], f"{module} imports {imported}: the arrow points up or sideways"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_apps_import_web_libraries(path: Path) -> None:
    if name_of(path).startswith("apps"):
        return
    used = {name.split(".")[0] for name in imports(path)} & WEB_LIBRARIES
    assert not used, f"{name_of(path)} imports {used}; screens and services live in apps"


def test_only_the_store_speaks_sql() -> None:
    speakers = [
        name_of(path)
        for path in modules()
        if any(name.split(".")[0] == "sqlalchemy" for name in imports(path)) and part_of(name_of(path)) != "aiyam.store"
    ]
    assert speakers == []


@pytest.mark.parametrize("folder", ["datasets", "models"])
def test_data_folders_are_no_packages(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py")), f"{folder}/ would shadow a library of that name"


def test_every_module_says_what_it_holds() -> None:
    silent = [name_of(p) for p in modules() if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


def test_nothing_edits_the_import_path() -> None:
    offenders = [name_of(p) for p in modules() if "sys.path" in p.read_text(encoding="utf-8")]
    assert offenders == []
