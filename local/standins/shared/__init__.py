"""The common part of all mock servers: the server, the control surface, faults, rate limits and the request log.

A mock server is a :class:`~local.standins.shared.exchange.Provider` (the behavior and data of one provider) inside the
application of :func:`local.standins.shared.app.create_app`, run by :func:`local.standins.shared.command.main`.
"""
