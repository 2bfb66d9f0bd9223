"""AWS: tables, queues, schedules, secrets, clients, logs and metrics. No other package calls AWS."""
