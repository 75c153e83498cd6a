"""Faults of the AWS APIs themselves, between the functions and the engine: errors, latency, resets.

    with FaultProxy(aws.endpoint) as proxy, routed(pipeline, [worker], proxy.endpoint):
        proxy.inject(Fault("dynamodb", "PutItem", error="ProvisionedThroughputExceededException", times=5))
        ...
        assert len(proxy.fired()) == 5

The audit, `fired()`, tells what really happened; a fault that hit nothing proves nothing. Every fault has a time
to live: the proxy of a run that was killed passes calls on unchanged once its faults have expired, and the next command
routes them past it once `routed` has.
"""

from lab.faults.fault import Fault, Fired
from lab.faults.proxy import FaultProxy
from lab.faults.routing import routed

__all__ = ["Fault", "FaultProxy", "Fired", "routed"]
