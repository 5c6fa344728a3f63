"""What Postgres is to believe of a statement's parts, where it cannot know better. Pure.

A gathered statement joins its own parts with each other by the key of each call. Postgres has no statistics of them: it
expects one row in 200 to pass a comparison of columns, plans for one row, and compares each call with each other one.
For some rows it hashes; and for no more than some, it still finds rows of tables by their index.

Such joins stand in parts of their own, apart from what looks rows of tables up: beside that, how parts are joined is
less than the hundredth of the cost by which Postgres tells one plan from another.

Which rows of tables are read must not depend on what it believes of them either. Its statistics are of a minute ago, or
of another event: it takes all rows of an event that has just begun for one row, and reading them all for as cheap as
looking one up. So there is one way only: rows are looked up inside of LATERAL, by all of their key; and what is updated
is joined by an event that comes with the other side, not by $1, which alone would choose an index. What goes by an id
of its own names no event before it is found (``tests/integration/ledger/test_plans.py``).
"""


def likely(condition: str) -> str:
    """Return a condition that holds where this one does, and that Postgres expects to hold almost everywhere."""
    return f"nullif({condition}, FALSE) IS NOT NULL"
