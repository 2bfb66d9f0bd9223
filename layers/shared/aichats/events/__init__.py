"""Events that aichats sends about runs, automations, connections and budgets."""
