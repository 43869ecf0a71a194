"""`python -m attnviz ...` is the command `attnviz ...`."""

from attnviz.commands import run

if __name__ == "__main__":
    run()
