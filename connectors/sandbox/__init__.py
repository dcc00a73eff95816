"""The ad platforms, played faithfully by one HTTP server on loopback.

What a platform enforces is taken from its documented contract, never from our connectors: the
sandbox is where the connectors are checked. A new platform is one module that offers a `Platform`
and one line in `app.PLATFORMS`.
"""
