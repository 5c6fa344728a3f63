"""How a database comes to the schema of ``tables``: a module a step, in ``versions``. ``migrate`` runs them."""
