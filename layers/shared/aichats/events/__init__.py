"""Events that aichats sends: what became of runs, automations, connections and budgets."""
