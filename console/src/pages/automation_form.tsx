// Create an automation, or edit one. What a person types is kept in the tab until it is saved.

import { take } from "../api/client";
import { useQuery } from "../hooks";
import { draftOf } from "../model/draft";
import { type JsonObject, objectOf } from "../model/json";
import { useQueryParameters } from "../router";
import { useSession } from "../session";
import { LOCAL_ZONE } from "../time";
import { Page } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { Text } from "../ui/text";
import { type Editing, newEditing } from "./form_draft";
import { FormEditor } from "./form_editor";

const MOST_NAME = 64;

/** The page at /create, at /create?from=NAME, and at /automations/NAME/edit. */
export function AutomationForm({ parameters }: { parameters: Record<string, string> }) {
  const { me } = useSession();
  const [query] = useQueryParameters();
  const edited = parameters.name ?? null;
  const source = edited ?? query.get("from");
  const keptAs = `aichats.draft.${me.name}.${edited ?? `+${source ?? ""}`}`;
  const heading =
    edited === null ? undefined : (
      <>
        Edit <Text>{edited}</Text>
      </>
    );
  return (
    <Page
      title={edited === null ? "Create an automation" : `Edit ${edited}`}
      heading={heading}
      description="It runs automatically: at its times, or when Whop sends an event."
    >
      {source === null ? (
        <FormEditor keptAs={keptAs} start={newEditing()} />
      ) : (
        <Loaded key={source} source={source} isCopy={edited === null} keptAs={keptAs} />
      )}
    </Page>
  );
}

function Loaded({ source, isCopy, keptAs }: { source: string; isCopy: boolean; keptAs: string }) {
  const { api } = useSession();
  const stored = useQuery(`input of ${source}`, async () => {
    const params = { path: { name: source }, query: { view: "input" as const } };
    const { data, headers } = await take(api.GET("/automations/{name}", { params }));
    const body = objectOf(data);
    return isCopy ? copyOf(source, body) : editingOf(source, body, headers.get("ETag"));
  });
  if (stored.error) {
    return <ErrorNotice error={stored.error} what={`${source} can't be read`} onRetry={stored.reload} />;
  }
  if (!stored.data) return <Loading what={source} />;
  return <FormEditor keptAs={keptAs} start={stored.data} />;
}

function editingOf(name: string, body: JsonObject, etag: string | null): Editing {
  return { name, draft: draftOf(body, LOCAL_ZONE), rest: body, base: body, etag };
}

// A copy doesn't belong to the files of the original.
function copyOf(name: string, { managed_by: _, ...body }: JsonObject): Editing {
  const suffix = "-copy";
  return editingOf(name.slice(0, MOST_NAME - suffix.length) + suffix, body, null);
}
