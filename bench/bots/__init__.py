"""Bots in the crowd: what each defence leaves to people, against a real queue server."""
