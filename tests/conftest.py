"""Fixtures for every test; what they are is told in the modules named here."""

pytest_plugins = ["support.stores"]
