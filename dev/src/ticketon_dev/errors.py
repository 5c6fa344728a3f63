"""What a developer's command says when it cannot go on. Imports nothing of this project."""


class SetupError(Exception):
    """The machine lacks something, or a step failed: one line that says what is wrong and what to do about it."""
