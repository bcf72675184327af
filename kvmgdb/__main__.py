"""``python -m kvmgdb``."""

from kvmgdb.cli.main import main

if __name__ == "__main__":
    main()
