"""`python -m flows`: the same program as `adsteer`, started from the checkout."""

from flows.cli import main

if __name__ == "__main__":
    main()
