"""``python -m dicomnode``, and the ``dicomnode`` command.

Kept light: worker processes import the command's module again, and need nothing of the command line.
"""


def main() -> None:
    """Run the command line."""
    from dicomnode.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
