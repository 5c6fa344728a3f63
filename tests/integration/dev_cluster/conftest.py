"""These tests run Kubernetes on the machine itself: they are of machines where `make up` would do that too."""

import os

from ticketon_dev.cluster.choice import Provider, choose
from ticketon_dev.cluster.machine import answering_engines

runs_directly = choose("", answering_engines()).provider is Provider.DIRECT and os.geteuid() == 0
collect_ignore_glob = [] if runs_directly else ["test_*.py"]
