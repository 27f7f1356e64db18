"""aiyam: the workbench around a Korean food-recommendation chatbot for children who hold a meal card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiyam.assistant import Assistant as Assistant
    from aiyam.pipeline import Pipeline as Pipeline
    from aiyam.settings import Settings as Settings

__version__ = "0.1.0"
__all__ = ["Assistant", "Pipeline", "Settings", "__version__"]

_HOME_OF = {"Assistant": "aiyam.assistant", "Pipeline": "aiyam.pipeline", "Settings": "aiyam.settings"}


def __getattr__(name: str) -> Any:
    # Lazy, so that `import aiyam` costs nothing until a part is used.
    if name in _HOME_OF:
        from importlib import import_module

        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'aiyam' has no attribute {name!r}")
