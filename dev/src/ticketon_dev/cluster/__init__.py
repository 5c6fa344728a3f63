"""A real Kubernetes for one developer, brought up and removed by one command.

`choice` decides what kind of cluster the machine can carry; `kind`, `context` and `direct` are the three ways to have
one; `contents` puts the same things into each (ingress controller, stores). Run it as `python -m ticketon_dev.cluster`.
"""
