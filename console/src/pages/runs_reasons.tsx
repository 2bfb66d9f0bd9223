import { count } from "../model/words";
import { Text } from "../ui/text";
import { adviceFor } from "./run_advice";
import type { Row } from "./runs_table";

const MOST_REASONS = 3;

/** The reasons why runs did not succeed, the most frequent first, each with what to do. */
export function Reasons({ rows }: { rows: readonly Row[] }) {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const message = row.error?.message;
    if (message) groups.set(message, [...(groups.get(message) ?? []), row]);
  }
  const reasons = [...groups].sort(([, one], [, other]) => other.length - one.length);
  if (reasons.length === 0) return null;
  return (
    <div class="reasons">
      <p class="faint">Fix the cause first. The newest of these runs say:</p>
      <ul>
        {reasons.slice(0, MOST_REASONS).map(([message, found]) => (
          <li key={message}>
            <strong>{count(found.length, "run")}</strong>: <Text>{message}</Text>
            <Advice run={found[0]} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Advice({ run }: { run: Row | undefined }) {
  const advice = run && adviceFor(run);
  return advice ? <p class="faint">→ {advice}</p> : null;
}
