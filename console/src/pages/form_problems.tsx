// Why an automation isn't saved: each problem, with a link to its field.

import type { RefObject } from "preact";
import type { FieldProblem } from "../model/draft_gaps";
import { fieldId } from "./form_fields";

interface Properties {
  problems: readonly FieldProblem[];
  summary: RefObject<HTMLDivElement | null>;
}

/** The problems of the form after a person tried to save it. It gets the focus then. */
export function ProblemSummary({ problems, summary }: Properties) {
  if (problems.length === 0) return null;
  return (
    <div ref={summary} class="notice error" role="alert" tabIndex={-1}>
      <span class="sign" aria-hidden="true">
        ✕
      </span>
      <div class="grow">
        <p class="title">
          {problems.length === 1
            ? "It isn't saved yet: one field needs a change"
            : "It isn't saved yet: some fields need a change"}
        </p>
        <ul>
          {problems.map((each) => (
            <li key={each.field + each.message}>
              <ProblemLink problem={each} />
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function ProblemLink({ problem }: { problem: FieldProblem }) {
  const follow = (event: Event) => {
    event.preventDefault();
    const input = inputFor(problem.field);
    // The field may be in a part that is closed.
    input?.closest("details")?.setAttribute("open", "");
    input?.focus();
  };
  const known = KNOWN[problem.field];
  return (
    <>
      <a href={`#${fieldId(problem.field)}`} onClick={follow}>
        {known ?? problem.field}
      </a>
      : {problem.message}
    </>
  );
}

const KNOWN: Record<string, string> = {
  name: "Name",
  "trigger.expression": "When it runs",
  "trigger.timezone": "Time zone",
  "trigger.events": "Event",
  "trigger.filter": "Only if",
  "trigger.start": "Not before",
  "trigger.end": "Not after",
  action: "What it changes",
  "action.message_text": "Message",
  "action.content": "Message",
  "action.title": "Title",
  targets: "Targets",
  labels: "Labels",
  budget: "Budget",
  description: "Description",
};

// The input of a field, or of the nearest field around it.
function inputFor(field: string): HTMLElement | null {
  const parts = field.split(".");
  for (let length = parts.length; length > 0; length--) {
    const found = document.getElementById(fieldId(parts.slice(0, length).join(".")));
    if (found) return found;
  }
  return null;
}
