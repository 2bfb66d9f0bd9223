import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Schemas } from "../api/client";
import { targetName } from "../model/automation_words";
import { amount, count } from "../model/words";
import { TextField } from "../ui/form";
import { usePortion } from "../ui/portion";
import { Empty, Notice } from "../ui/state";
import { Json, LongText, Text } from "../ui/text";

type Target = Schemas["RenderedTarget"];
type Preview = Schemas["RenderedPreview"];

/** Targets that get the same, or that fail for the same reason. */
interface Group {
  readonly key: string;
  readonly targets: readonly Target[];
}

const GROUPS = 10;
const NAMES = 5;

/** What an automation sends to each target. Targets that get the same text are shown together, failures first. */
export function Rendered({ preview, filter = null }: { preview: Preview; filter?: string | null }) {
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const found = preview.rendered.filter(({ target }) => targetName(target).toLowerCase().includes(wanted));
  const groups = grouped(found);
  const { shown, more } = usePortion(groups, GROUPS, "different texts");
  if (preview.filtered) {
    return (
      <Empty title="The filter rejects this event, so nothing starts">
        {filter !== null && (
          <code>
            <Text>{filter}</Text>
          </code>
        )}
        <p>Change the event, or the filter of the automation.</p>
      </Empty>
    );
  }
  const failed = preview.rendered.filter(({ error }) => error !== null);
  return (
    <>
      <Summary total={preview.rendered.length} failed={failed.length} notShown={preview.not_shown} />
      {preview.rendered.length > GROUPS && (
        <TextField label="Find a target" type="search" value={search} onValue={setSearch} />
      )}
      {shown.map((group) => (
        <Card key={group.key} group={group} />
      ))}
      {found.length === 0 && wanted !== "" && <p class="faint">No target contains “{search}”.</p>}
      {more}
    </>
  );
}

function Summary({ total, failed, notShown }: { total: number; failed: number; notShown: number }) {
  return (
    <div role="status" class="lines">
      {failed === 0 && <p>{count(total + notShown, "run")} would start.</p>}
      {failed > 0 && (
        <Notice kind="warning" title={`${amount(failed)} of ${count(total + notShown, "text")} can't be filled in`}>
          <p>These runs would fail. Change the texts of the automation, or what they use.</p>
        </Notice>
      )}
      {notShown > 0 && (
        <p class="faint">
          {count(notShown, "target")} not shown, because the answer has no room for {notShown === 1 ? "it" : "them"}.
        </p>
      )}
    </div>
  );
}

function Card({ group: { targets } }: { group: Group }) {
  const [first] = targets;
  if (!first) return null;
  return (
    <article class="card">
      <Names targets={targets} />
      {first.error ? <Failure error={first.error} /> : <Sent target={first} />}
    </article>
  );
}

function Names({ targets }: { targets: readonly Target[] }) {
  const names = targets.map(({ target }) => targetName(target));
  const listed: ComponentChildren = names.slice(0, NAMES).map((name) => (
    <li key={name}>
      <code>
        <Text>{name}</Text>
      </code>
    </li>
  ));
  const [only] = targets;
  // A problem of the whole automation has no target.
  if (only?.target === null && only.error) return null;
  return (
    <ul class="tags" aria-label="For">
      {listed}
      {names.length > NAMES && <li>and {names.length - NAMES} more</li>}
    </ul>
  );
}

function Failure({ error: { field, detail } }: { error: Schemas["TextError"] }) {
  return (
    <p class="field-error">
      <span aria-hidden="true">✕ </span>
      <code>{field}</code>: <Text>{detail}</Text>
    </p>
  );
}

function Sent({ target: { target, title, message, action } }: { target: Target }) {
  const name = targetName(target);
  return (
    <>
      {title !== null && (
        <h3>
          <Text>{title}</Text>
        </h3>
      )}
      {message !== null && <LongText label={`Message for ${name}`}>{message}</LongText>}
      {action && (
        <details>
          <summary>All fields</summary>
          <Json value={action} label={`All fields for ${name}`} />
        </details>
      )}
    </>
  );
}

function grouped(targets: readonly Target[]): Group[] {
  const groups = new Map<string, Target[]>();
  for (const each of targets) {
    const key = JSON.stringify([each.error, each.error ? null : each.action]);
    const group = groups.get(key);
    if (group) group.push(each);
    else groups.set(key, [each]);
  }
  const all = [...groups].map(([key, members]) => ({ key, targets: members }));
  const fails = ({ targets: [first] }: Group) => (first?.error ? 0 : 1);
  return all.sort((one, other) => fails(one) - fails(other));
}
