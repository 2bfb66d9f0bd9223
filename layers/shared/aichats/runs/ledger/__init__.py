"""The ledger: the DynamoDB table of runs."""
