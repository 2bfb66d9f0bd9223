"""What the stand-ins of all providers share: the server, the control surface, faults, rate limits, the request log.

A stand-in is a :class:`~local.standin.exchange.Provider` (what one provider's server does and remembers) inside the
application that :func:`local.standin.app.create_app` makes, run by :func:`local.standin.command.main`.
"""
