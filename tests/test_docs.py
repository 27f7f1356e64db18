"""The README's generated parts are what the code says now, and the project speaks of itself alone."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tests" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_of_the_readme_are_fresh() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert generator().render(text) == text, "README.md is stale: run `make docs`"


def test_every_file_the_readme_links_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    targets = [t for t in re.findall(r"\]\(([^)#]+?)\)", prose) if "://" not in t]
    assert targets
    assert [t for t in targets if not (ROOT / t).exists()] == []


def test_tracked_files_carry_no_machine_paths() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(r"/(?:home|root)/[a-z]|\.\./shared")
    offenders = []
    for name in listing.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or name.endswith(".png") or path == Path(__file__).resolve() or not path.is_file():
            continue
        if pattern.search(path.read_text(encoding="utf-8", errors="replace")):
            offenders.append(name)
    assert offenders == []
