import { useId } from "preact/hooks";
import { ApiError } from "../api/client";
import type { Draft, Format } from "../model/subscription_draft";
import { Link } from "../router";
import { Checkbox, TextField } from "../ui/form";
import { Section } from "../ui/page";
import { EventPicker } from "./subscription_event_picker";

interface Properties {
  draft: Draft;
  isNew: boolean;
  /** Why the draft was not accepted. */
  error: Error | null;
  onDraft(draft: Draft): void;
}

export function SubscriptionFields({ draft, isNew, error, onDraft }: Properties) {
  const change = (changes: Partial<Draft>) => onDraft({ ...draft, ...changes });
  const problem = (field: string) => problemOf(error, field);
  return (
    <>
      <Section title="Receiver">
        {isNew && <NameField draft={draft} error={error} onName={(name) => change({ name })} />}
        <FormatField format={draft.format} onFormat={(format) => change({ format })} />
        <TextField
          label={draft.format === "slack" ? "URL of the incoming webhook" : "URL"}
          hint={
            draft.format === "slack"
              ? "Slack shows it when you add an incoming webhook to a channel. It is a secret: anyone who knows it can write into the channel."
              : "It begins with https:// and can be reached from the internet. Each event is a POST to this URL."
          }
          type="url"
          code
          required
          maxLength={2000}
          value={draft.url}
          onValue={(url) => change({ url })}
          error={problem("url")}
        />
        <TextField
          label="Description (optional)"
          value={draft.description}
          onValue={(description) => change({ description })}
          error={problem("description")}
        />
      </Section>
      <Section title="What is sent">
        <EventPicker events={draft.events} onEvents={(events) => change({ events })} error={problem("events")} />
        <TextField
          label="Filter (optional)"
          hint={
            <>
              JMESPath over the event. Only events for which it is true are sent, such as{" "}
              <code>data.automation == 'weekly-revenue'</code>. Put numbers in backticks.
            </>
          }
          code
          value={draft.filter}
          onValue={(filter) => change({ filter })}
          error={problem("filter")}
        />
        <Checkbox
          label="Include the replies of Kodey chats"
          hint="Events about a Kodey chat then contain the text of the reply. Without this, no event contains a text of a chat."
          checked={draft.include_reply}
          onChecked={(include_reply) => change({ include_reply })}
        />
        <Checkbox
          label="Enabled"
          hint="If it is disabled, nothing is sent, and events that happen meanwhile are not sent later."
          checked={draft.enabled}
          onChecked={(enabled) => change({ enabled })}
        />
      </Section>
    </>
  );
}

function NameField({ draft, error, onName }: { draft: Draft; error: Error | null; onName(name: string): void }) {
  const isTaken = error instanceof ApiError && error.status === 412;
  return (
    <>
      <TextField
        label="Name"
        hint="Lowercase letters, digits and hyphens, such as alerts. You can't change it later."
        code
        required
        maxLength={64}
        value={draft.name}
        onValue={(name) => onName(name.trim().toLowerCase())}
        error={
          isTaken ? `There is a subscription ${draft.name} already. Choose another name.` : nameProblem(draft.name)
        }
      />
      {isTaken && (
        <p>
          <Link to={`/subscriptions/${draft.name}`}>Open {draft.name}</Link>
        </p>
      )}
    </>
  );
}

function nameProblem(name: string): string | null {
  return /^[a-z0-9-]{0,64}$/.test(name) ? null : "Use only lowercase letters, digits and hyphens.";
}

const FORMATS: readonly (readonly [format: Format, text: string, hint: string])[] = [
  ["standard", "Signed webhook", "Your program gets each event as JSON, and verifies its signature."],
  ["slack", "Slack message", "People read each event in a channel."],
];

function FormatField({ format, onFormat }: { format: Format; onFormat(format: Format): void }) {
  const id = useId();
  return (
    <fieldset class="radios">
      <legend>Format</legend>
      {FORMATS.map(([each, text, hint]) => (
        <div class="check" key={each}>
          <input
            id={`${id}-${each}`}
            type="radio"
            name={id}
            checked={each === format}
            aria-describedby={`${id}-${each}-hint`}
            onChange={() => onFormat(each)}
          />
          <div>
            <label for={`${id}-${each}`}>{text}</label>
            <p class="hint" id={`${id}-${each}-hint`}>
              {hint}
            </p>
          </div>
        </div>
      ))}
    </fieldset>
  );
}

/** Return why the API doesn't accept a field, or something in it, such as `events.0`. */
function problemOf(error: Error | null, field: string): string | null {
  if (!(error instanceof ApiError)) return null;
  const found = error.problem?.errors?.find((each) => each.field === field || each.field.startsWith(`${field}.`));
  return found?.message ?? null;
}
