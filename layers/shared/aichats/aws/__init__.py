"""AWS: the table, secrets, clients, logs and metrics. No other package calls AWS."""
