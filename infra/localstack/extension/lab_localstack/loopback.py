"""A runtime server that listens where GATEWAY_LISTEN says.

LocalStack 4.14.0's own server ignores the IPv4 host and binds every interface, which would offer
unauthenticated code execution to the whole network.
"""

from typing import Any

from localstack import config
from localstack.runtime.server.plugins import RuntimeServerPlugin


class LoopbackServerPlugin(RuntimeServerPlugin):
    """Selected by `GATEWAY_SERVER=lab-loopback`."""

    name = "lab-loopback"

    def load(self, *_args, **_kwargs):
        from localstack.runtime.server.twisted import TwistedRuntimeServer
        from rolo.gateway import Gateway
        from rolo.serving.twisted import TwistedGateway
        from twisted.internet import endpoints, reactor

        class LoopbackServer(TwistedRuntimeServer):
            def register(
                self,
                gateway: Gateway,
                listen: list[config.HostAndPort],
                ssl_creds: tuple[str, str] | None = None,  # noqa: ARG002  plain HTTP: nothing leaves the machine
            ):
                site = TwistedGateway(gateway)
                for address in listen:
                    endpoint = (
                        endpoints.TCP6ServerEndpoint
                        if config.is_ipv6_address(address.host)
                        else endpoints.TCP4ServerEndpoint
                    )
                    endpoint(reactor, address.port, interface=address.host).listen(site)

            def shutdown(self):
                if self.thread_pool:
                    self.thread_pool.stop(timeout=10)
                running: Any = reactor
                running.callFromThread(running.stop)  # from another thread a plain stop would not wake it

        return LoopbackServer()
