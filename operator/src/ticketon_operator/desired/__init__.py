"""What the cluster should hold for a TicketEvent: ``desired_objects``. Pure: no clock, no I/O, no client.

One module an object kind's concern: ``config`` (EventConfig), ``metadata`` (labels, owner), ``pods`` (what every pod
has), ``queue``, ``payments``, ``ledger``, ``audit``, ``route``, ``network``, ``stores`` (ConfigMap and Secrets).
"""

from typing import Any

from ticketon_operator.api import TicketEvent
from ticketon_operator.desired import audit, ledger, network, payments, queue, route, stores
from ticketon_operator.desired.inputs import Inputs

Manifest = dict[str, Any]

__all__ = ["Inputs", "Manifest", "desired_objects"]


def desired_objects(event: TicketEvent, inputs: Inputs) -> list[Manifest]:
    """Return the manifests in the order they are applied: what pods mount first, then pods, then what leads to them.

    No manifest sets ``replicas`` of the queue servers, in any mode: they belong to the scale subresource.
    """
    return [
        *stores.objects(event, inputs),
        *network.objects(event),
        *ledger.objects(event, inputs),
        *queue.objects(event, inputs),
        *payments.objects(event, inputs),
        *audit.objects(event, inputs),
        *route.objects(event),
    ]
