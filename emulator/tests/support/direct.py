"""How tests ask an engine over HTTP: httpx.get(url, **DIRECT).

It is on this machine and speaks plain HTTP. So no proxy of the environment is asked, and no list of authorities read,
which would take each client 20 ms of processor time.
"""

import ssl

DIRECT = {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
"""Of httpx's clients and requests. The context trusts nobody: what speaks TLS is refused."""
