// The events of Whop for which an automation waits.

import { useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { type Query, useQuery } from "../hooks";
import type { When } from "../model/draft_when";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { TextField } from "../ui/form";
import { Text } from "../ui/text";
import { type EditProperties, fieldId, withValue } from "./form_fields";

type Example = Schemas["EventExample"];

/** Read the event types of Whop with their examples, if something needs them. */
export function useEventTypes(isNeeded: boolean): Query<readonly Example[]> {
  const { api, can } = useSession();
  return useQuery(isNeeded && can("list_event_types") ? "event types" : null, async () => {
    return (await read(api.GET("/events/types"))).data;
  });
}

interface Properties extends EditProperties {
  set(changes: Partial<When>): void;
}

export function FormEvents({ draft, set, problem }: Properties) {
  const [typed, setTyped] = useState("");
  const types = useEventTypes(true);
  const { events, filter } = draft.when;
  const add = () => {
    const type = typed.trim();
    if (type && !events.includes(type)) set({ events: [...events, type] });
    setTyped("");
  };
  return (
    <>
      <div class="form-add">
        <TextField
          label="Event"
          id={fieldId("trigger.events")}
          hint="Such as payment.succeeded. Each of the added events starts the automation."
          list="event-types"
          maxLength={100}
          code
          value={typed}
          onValue={setTyped}
          onEnter={add}
          error={withValue(problem("trigger.events"), events)}
        />
        <Button onClick={add}>{typed.trim() ? `Add ${typed.trim()}` : "Add the event"}</Button>
      </div>
      <datalist id="event-types">
        {types.data?.map((each) => (
          <option key={each.type} value={each.type} />
        ))}
      </datalist>
      {events.length > 0 && (
        <Added events={events} onRemove={(type) => set({ events: events.filter((e) => e !== type) })} />
      )}
      <TextField
        label="Only if (optional)"
        id={fieldId("trigger.filter")}
        hint={
          <>
            A condition in JMESPath, such as <code>account_id == 'biz_A'</code> or{" "}
            <code>to_number(data.total.amount) &gt; `1000`</code>
          </>
        }
        maxLength={2000}
        code
        value={filter}
        onValue={(text) => set({ filter: text })}
        error={problem("trigger.filter")}
      />
    </>
  );
}

function Added({ events, onRemove }: { events: readonly string[]; onRemove(type: string): void }) {
  return (
    <ul class="form-chips" aria-label="Added events">
      {events.map((type) => (
        <li key={type}>
          <code>
            <Text>{type}</Text>
          </code>
          <Button kind="quiet" label={`Remove ${type}`} onClick={() => onRemove(type)}>
            <span aria-hidden="true">✕</span>
          </Button>
        </li>
      ))}
    </ul>
  );
}
