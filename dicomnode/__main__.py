"""``python -m dicomnode``."""

from dicomnode.cli.main import main

if __name__ == "__main__":
    main()
