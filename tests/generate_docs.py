"""Write the generated parts of the README (tree, commands, vocabularies), or say that they are stale."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

import click
import typer

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.S)


def first_line(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.splitlines()[0].rstrip(".") if doc else ""


def tree() -> str:
    rows = []
    for top in ("apps", "aiyam", "annotation"):
        for path in sorted((ROOT / top).rglob("*.py")):
            relative = path.relative_to(ROOT)
            depth = len(relative.parts) - 1
            if path.name == "__init__.py":
                rows.append(
                    f"{'  ' * (depth - 1)}{relative.parent.name + '/':<{30 - 2 * (depth - 1)}}{first_line(path)}"
                )
            elif depth <= 2:
                rows.append(f"{'  ' * depth}{path.name:<{30 - 2 * depth}}{first_line(path)}")
    return "```\n" + "\n".join(rows) + "\n```"


def commands() -> str:
    from aiyam.cli import app

    rows = ["| command | does |", "|---|---|"]

    def walk(command: click.Command, name: str) -> None:
        children = getattr(command, "commands", None)
        alone = getattr(command, "invoke_without_command", False)
        if not children or alone:
            text = (command.help or "").strip().splitlines()[0].replace("``", "`")
            rows.append(f"| `{name}` | {text} |")
        if children:
            for child in sorted(children):
                walk(children[child], f"{name} {child}")

    walk(typer.main.get_command(app), "aiyam")
    return "\n".join(rows)


def settings() -> str:
    from aiyam.settings import Settings

    rows = ["| variable | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if name in ("models_dir", "datasets_dir") else field.default
        shown = (
            f"`{default}`" if default != "" else {"models_dir": "`models`", "datasets_dir": "`datasets`"}.get(name, "")
        )
        rows.append(f"| `AIYAM_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def filters() -> str:
    from aiyam.contracts import Filters

    def kind(annotation: object) -> str:
        text = str(annotation).replace("typing.", "").replace("NoneType", "None").replace(" | None", "")
        if "Literal" in text:
            values = re.findall(r"Literal\[(.*?)\]", text)[0].replace("'", "")
            return f"one or more of {values}" if text.startswith("tuple") else values
        return {"tuple[str, ...]": "dish names"}.get(text, re.sub(r"<class '(.*)'>", r"\1", text))

    rows = ["| filter | value |", "|---|---|"]
    rows += [f"| `{name}` | {kind(field.annotation)} |" for name, field in Filters.model_fields.items()]
    return "\n".join(rows)


def make_targets() -> str:
    rows = ["| target | does |", "|---|---|"]
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        if m := re.match(r"^([a-z-]+):.*## (.*)$", line):
            rows.append(f"| `make {m[1]}` | {m[2]} |")
    return "\n".join(rows)


GENERATORS = {"tree": tree, "commands": commands, "settings": settings, "filters": filters, "make": make_targets}


def render(text: str) -> str:
    def block(match: re.Match[str]) -> str:
        return f"{match[1]}{GENERATORS[match['name']]()}\n{match[3]}"

    return BLOCK.sub(block, text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the README instead of only checking it")
    write = parser.parse_args().write
    old = README.read_text(encoding="utf-8")
    new = render(old)
    if write:
        README.write_text(new, encoding="utf-8")
    elif new != old:
        print("README.md is stale: run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
