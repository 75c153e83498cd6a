"""The end of a failure mode."""

from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually


def cure(pipeline: Pipeline, api: Api) -> None:
    """Write the mode `none`, and wait until no function remembers another: until an order comes through."""
    pipeline.set_failure_mode("none")
    supply = orders(100, label="canary")
    sent: set[str] = set()

    def one_comes_through() -> bool:
        sent.add(api.submit(next(supply)).order_id)
        return any(effect.order_id in sent for effect in pipeline.effects())

    eventually(one_comes_through, within=40, every=0.5)
