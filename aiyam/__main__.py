"""``python -m aiyam``: the command line where its script is not on the path."""

from aiyam.cli import main

if __name__ == "__main__":
    main()
