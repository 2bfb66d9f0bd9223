"""What the stand-ins of all providers share: the server, the control surface, faults, rate limits, the request log.

A stand-in is a :class:`~local.standins.shared.exchange.Provider` (what one provider's server does and remembers) inside
the application of :func:`local.standins.shared.app.create_app`, run by :func:`local.standins.shared.command.main`.
"""
