"""Whether the IngressClass that an event names is there: an Ingress of a class that nobody serves is served by nobody.

An Event tells it and no condition: some controllers serve a class by its name alone, without an object.
"""

from ticketon_operator.api import RouteKind
from ticketon_operator.cluster import Cluster
from ticketon_operator.errors import ForbiddenError
from ticketon_operator.kinds import INGRESS_CLASS
from ticketon_operator.recorder import Recorder
from ticketon_operator.tracked import Tracked


async def look(cluster: Cluster, recorder: Recorder, tracked: Tracked) -> None:
    """Look once for each name that the event asks for, and again while it is missing. Raises ClusterError."""
    route = tracked.event.spec.route
    name = route.class_name
    if route.kind is not RouteKind.INGRESS or name is None or name == tracked.class_found:
        return
    try:
        found = await cluster.get(INGRESS_CLASS, "", name) is not None
    except ForbiddenError:  # an operator of single namespaces has no rights to what is the whole cluster's
        found = True
    if found:
        tracked.class_found, tracked.class_missed = name, None
    elif tracked.class_missed != name:
        tracked.class_missed = name
        message = (
            f"there is no IngressClass {name!r}, so probably nobody routes to this event: "
            "install a controller of this class, or correct route.className (`kubectl get ingressclasses`)"
        )
        await recorder.warning(tracked.event, "IngressClassMissing", message)
