"""Lets ``python -m aiyam.cli`` run the command line."""

from __future__ import annotations

from aiyam.cli import main

if __name__ == "__main__":
    main()
