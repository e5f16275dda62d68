"""``python -m memini_kuzu`` is the command `memini`."""

from memini_kuzu.cli import main

if __name__ == "__main__":
    main()
