"""Faults of the AWS APIs themselves, between the functions and the engine: errors, latency, resets.

    with FaultProxy(aws.endpoint) as proxy, routed(aws, [stack.worker_function_name], proxy.endpoint):
        proxy.inject(Fault("dynamodb", "PutItem", error="ProvisionedThroughputExceededException", times=5))
        ...
        assert len(proxy.fired()) == 5

The audit, `fired()`, tells what really happened; a fault that hit nothing proves nothing. Every fault has a time
to live: the proxy of a run that was killed passes calls on unchanged once its faults have expired.
"""

from lab.faults.fault import Fault, Fired
from lab.faults.proxy import FaultProxy
from lab.faults.routing import heal, routed

__all__ = ["Fault", "FaultProxy", "Fired", "heal", "routed"]
