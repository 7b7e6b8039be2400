"""`python -m connector` is `preau`."""

from connector.cli import main

if __name__ == "__main__":
    main()
