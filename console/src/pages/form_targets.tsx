// The third step of the form: for whom the automation does it.

import { type Draft, targetsOf } from "../model/draft";
import { TARGETS, targetHints } from "../model/draft_gaps";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { Checkbox, TextArea } from "../ui/form";
import { type EditProperties, fieldId, Step, withValue } from "./form_fields";

const MOST_OFFERED = 8;

export function FormTargets({ draft, change, problem }: EditProperties) {
  const { me } = useSession();
  const { one, many, prefix } = TARGETS[draft.type];
  const { count, hints } = targetHints(draft);
  const error = withValue(problem("targets"), targetsOf(draft));
  const typed = draft.targets.split("\n").map((line) => line.trim());
  const offered = offers(draft, me.companies).filter((each) => !typed.includes(each));
  const add = (company: string) => change({ targets: [draft.targets.trimEnd(), company].filter(Boolean).join("\n") });
  return (
    <Step number={3} title="For whom?">
      <TextArea
        label={`Targets: the ${many}, one a line`}
        id={fieldId("targets")}
        hint={`Each run does it for every ${one}.${prefix ? ` An id begins with ${prefix}.` : ""}`}
        rows={4}
        code
        value={draft.targets}
        onValue={(targets) => change({ targets })}
        error={error}
      />
      <p class="hint" aria-live="polite">
        {count}
        {(error ? [] : hints).map((hint) => (
          <span key={hint} class="target-hint">
            {hint}.
          </span>
        ))}
      </p>
      {offered.length > 0 && (
        <div class="buttons start">
          {offered.slice(0, MOST_OFFERED).map((company) => (
            <Button key={company} onClick={() => add(company)}>
              Add {company}
            </Button>
          ))}
        </div>
      )}
      {draft.type === "whop.create_chat" && me.companies === null && (
        <Checkbox
          label="Also create one chat that belongs to no company"
          checked={draft.withoutCompany}
          onChecked={(withoutCompany) => change({ withoutCompany })}
        />
      )}
    </Step>
  );
}

// The companies of a client with a limit, and the company of an event.
function offers(draft: Draft, companies: readonly string[] | null): readonly string[] {
  if (draft.type !== "whop.create_chat") return [];
  return draft.when.kind === "webhook" ? ["{{ event.account_id }}"] : (companies ?? []);
}
