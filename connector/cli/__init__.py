"""The `preau` command: one file per noun, over the SDK and the composition root.

Nouns of one kind share a folder; `app.py` lists them all.
"""


def main() -> None:
    """Run the command; the entry point of the distribution."""
    from connector.cli.app import build  # noqa: PLC0415 - importing the package does nothing

    build()()
