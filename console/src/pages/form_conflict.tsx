// Someone else changed the automation while a person edited it.

import { read, take } from "../api/client";
import { useQuery } from "../hooks";
import { isEqual, type JsonObject, leaves, objectOf } from "../model/json";
import { useSession } from "../session";
import { Time } from "../time";
import { Button } from "../ui/button";
import { ErrorNotice, Loading, Notice } from "../ui/state";
import { Text } from "../ui/text";

export interface Version {
  readonly body: JsonObject;
  readonly etag: string;
}

interface Properties {
  name: string;
  /** What both began with. */
  base: JsonObject;
  mine: JsonObject;
  isSaving: boolean;
  onTake(theirs: Version): void;
  onOverwrite(theirs: Version): void;
  /** The automation was deleted meanwhile: create it again. */
  onCreate(): void;
}

export function Conflict({ name, base, mine, isSaving, onTake, onOverwrite, onCreate }: Properties) {
  const { api } = useSession();
  const theirs = useQuery(`their version of ${name}`, async () => {
    const path = { name };
    const shown = await read(api.GET("/automations/{name}", { params: { path } }));
    const { data, headers } = await take(
      api.GET("/automations/{name}", { params: { path, query: { view: "input" } } }),
    );
    return { body: objectOf(data), etag: headers.get("ETag") ?? "", by: "updated_by" in shown ? shown : null };
  });
  if (theirs.error && "status" in theirs.error && theirs.error.status === 404) {
    return (
      <Notice
        kind="error"
        title={`Someone deleted ${name} meanwhile`}
        actions={
          <Button busy={isSaving} onClick={onCreate}>
            Create {name} again
          </Button>
        }
      >
        <p>Everything that you typed is still here.</p>
      </Notice>
    );
  }
  if (theirs.error)
    return <ErrorNotice error={theirs.error} what="The other version can't be read" onRetry={theirs.reload} />;
  if (!theirs.data) return <Loading what="the other version" />;
  const { by, ...version } = theirs.data;
  const author = by && typeof by.updated_by === "string" ? by.updated_by : "Someone else";
  return (
    <Notice
      kind="error"
      title={
        <>
          <Text>{author}</Text> changed {name} while you edited it
        </>
      }
    >
      {by && typeof by.updated_at === "string" && (
        <p>
          Changed <Time at={by.updated_at} />. Nothing that you typed is lost. Choose which version stays.
        </p>
      )}
      <Differences base={base} theirs={version.body} mine={mine} />
      <div class="buttons start">
        <Button onClick={() => onTake(version)}>Take theirs</Button>
        <Button kind="danger" busy={isSaving} onClick={() => onOverwrite(version)}>
          Save mine over it
        </Button>
      </div>
    </Notice>
  );
}

function Differences({ base, theirs, mine }: { base: JsonObject; theirs: JsonObject; mine: JsonObject }) {
  const [before, other, own] = [set(base), set(theirs), set(mine)];
  const fields = [...new Set([...other.keys(), ...own.keys()])].filter(
    (field) => !isEqual(other.get(field), own.get(field)),
  );
  if (fields.length === 0) return <p>Both versions are equal.</p>;
  return (
    <table class="differences">
      <caption class="hidden">Differences between the versions</caption>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Theirs</th>
          <th scope="col">Yours</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((field) => (
          <tr key={field}>
            <th scope="row">
              <code>{field}</code>
            </th>
            <td data-title="Theirs">
              <Value value={other.get(field)} isChanged={!isEqual(other.get(field), before.get(field))} />
            </td>
            <td data-title="Yours">
              <Value value={own.get(field)} isChanged={!isEqual(own.get(field), before.get(field))} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// A field that is null means the same as one that is left out.
function set(body: JsonObject): Map<string, unknown> {
  return new Map([...leaves(body)].filter(([, value]) => value !== null));
}

function Value({ value, isChanged }: { value: unknown; isChanged: boolean }) {
  const text = value === undefined ? "(default)" : typeof value === "string" ? value : JSON.stringify(value);
  return (
    <span>
      <Text>{text}</Text>
      {isChanged && <span class="faint"> (changed)</span>}
    </span>
  );
}
