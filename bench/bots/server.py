"""The queue server as it is shipped, with easier puzzles: ``crowd`` says why."""

from bench.bots.crowd import EASIER_BITS
from ticketon_queue import challenge
from ticketon_queue.__main__ import main

if __name__ == "__main__":
    challenge.LEAST_BITS -= EASIER_BITS
    challenge.MOST_BITS -= EASIER_BITS
    challenge.MOST_BITS_OF_ALL -= EASIER_BITS
    main()
