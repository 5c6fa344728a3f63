"""Fixtures for every test; what they are is told in the modules named here."""

from hypothesis import settings

pytest_plugins = ["support.stores"]

# A property has to hold, not to be quick: a busy machine takes as long as it takes.
settings.register_profile("ticketon", deadline=None)
settings.load_profile("ticketon")
