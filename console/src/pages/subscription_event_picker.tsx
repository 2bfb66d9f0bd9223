// The events of a subscription: all of them, whole groups, or single types.

import { useId } from "preact/hooks";
import { EVENT_GROUPS, EVENT_TYPES, type EventGroup, GROUPS, isEventPattern, typesOf } from "../model/events";
import { Checkbox } from "../ui/form";
import { Text } from "../ui/text";

interface Properties {
  events: readonly string[];
  onEvents(events: readonly string[]): void;
  error: string | null;
}

export function EventPicker({ events, onEvents, error }: Properties) {
  const id = useId();
  const toggle = (pattern: string, selected: boolean) =>
    onEvents(selected ? [...events, pattern] : events.filter((each) => each !== pattern));
  const unknown = events.filter((each) => !isEventPattern(each));
  return (
    <fieldset class="events" aria-describedby={error ? id : undefined}>
      <legend>Events</legend>
      <Checkbox
        label="All events"
        hint="Also those that later versions of aichats add."
        checked={events.includes("*")}
        onChecked={(selected) => toggle("*", selected)}
      />
      {!events.includes("*") && (
        <div class="event-groups">
          {GROUPS.map((group) => (
            <Group key={group} group={group} events={events} onEvents={onEvents} />
          ))}
        </div>
      )}
      {unknown.length > 0 && (
        <p class="hint">
          This version of aichats doesn't know <Text>{unknown.join(", ")}</Text>, and leaves it out when you save.
        </p>
      )}
      {error && (
        <p class="field-error" id={id} role="alert">
          <span aria-hidden="true">✕ </span>
          {error}
        </p>
      )}
    </fieldset>
  );
}

interface GroupProperties {
  group: EventGroup;
  events: readonly string[];
  onEvents(events: readonly string[]): void;
}

function Group({ group, events, onEvents }: GroupProperties) {
  const types: readonly string[] = typesOf(group);
  const hasAll = events.includes(group);
  const others = events.filter((each) => each !== group && !types.includes(each));
  const toggleAll = (selected: boolean) => onEvents(selected ? [...others, group] : others);
  const toggle = (type: string, selected: boolean) => {
    // Without one of its types, a group is the list of the other types.
    const before = hasAll ? types : types.filter((each) => events.includes(each));
    onEvents([...others, ...(selected ? [...before, type] : before.filter((each) => each !== type))]);
  };
  return (
    <fieldset>
      <legend>{EVENT_GROUPS[group]}</legend>
      <Checkbox
        label={
          <>
            All: <code>{group}</code>
          </>
        }
        checked={hasAll}
        onChecked={toggleAll}
      />
      {typesOf(group).map((type) => (
        <Checkbox
          key={type}
          label={<code>{type}</code>}
          hint={EVENT_TYPES[type]}
          checked={hasAll || events.includes(type)}
          onChecked={(selected) => toggle(type, selected)}
        />
      ))}
    </fieldset>
  );
}
