import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, isUncertain, read, type Schemas } from "../api/client";
import { useAction, useQuery } from "../hooks";
import { bodyOf, type Draft, draftOf, merged, NEW_DRAFT } from "../model/subscription_draft";
import { useNavigation } from "../router";
import { useSession } from "../session";
import { Button, LinkButton } from "../ui/button";
import { Page } from "../ui/page";
import { ErrorNotice, Loading, Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { useToast } from "../ui/toast";
import { ConflictNotice } from "./subscription_conflict";
import { Created } from "./subscription_created";
import { SubscriptionFields } from "./subscription_fields";
import type { SubscriptionRow } from "./subscription_words";

/** The form for a new subscription or, with a name, for an existing one. */
export function SubscriptionForm({ parameters }: { parameters: Record<string, string> }) {
  const { api } = useSession();
  const name = parameters.name;
  const title = name ? `Edit ${name}` : "Create a subscription";
  const one = useQuery(name ? `edit ${name}` : null, () =>
    read(api.GET("/subscriptions/{name}", { params: { path: { name: name ?? "" } } })),
  );
  if (name && !one.data)
    return (
      <Page title={title}>
        <ErrorNotice error={one.error} what={`${name} can't be read`} onRetry={one.reload} />
        {one.loading && <Loading what="the subscription" />}
      </Page>
    );
  return <Editor key={name ?? ""} stored={one.data ?? null} />;
}

interface Saved {
  row: SubscriptionRow | Schemas["CreatedSubscription"];
  isNew: boolean;
}

/** Stores a draft if the subscription is still as it was when it was read. */
function useSave(stored: SubscriptionRow | null) {
  const { api } = useSession();
  const [newest, setNewest] = useState<SubscriptionRow | null>(null);
  const save = useAction(async (draft: Draft): Promise<Saved> => {
    const header = stored ? { "If-Match": stored.etag } : { "If-None-Match": "*" };
    const path = { name: draft.name };
    try {
      const row = await read(api.PUT("/subscriptions/{name}", { params: { path, header }, body: bodyOf(draft) }));
      return { row, isNew: stored === null };
    } catch (error) {
      if (stored && error instanceof ApiError && error.status === 412)
        // If the new version can't be read, either, the notice says that nothing was saved.
        setNewest(await read(api.GET("/subscriptions/{name}", { params: { path } })).catch(() => null));
      throw error;
    }
  });
  const settle = () => {
    setNewest(null);
    save.reset();
  };
  return { save, newest, settle };
}

function Editor({ stored }: { stored: SubscriptionRow | null }) {
  const toast = useToast();
  const { go } = useNavigation();
  const [base, setBase] = useState(stored);
  const [draft, setDraft] = useState<Draft>(stored ? draftOf(stored) : NEW_DRAFT);
  const [created, setCreated] = useState<SubscriptionRow | Schemas["CreatedSubscription"] | null>(null);
  const { save, newest, settle } = useSave(base);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const wrong = save.error && form.current?.querySelector("[aria-invalid=true]");
    if (wrong instanceof HTMLElement) wrong.focus();
  }, [save.error]);
  const submit = async (event: Event) => {
    event.preventDefault();
    const saved = await save.run(draft);
    if (!saved) return;
    if (saved.isNew && saved.row.format === "standard") return setCreated(saved.row);
    toast(`${saved.isNew ? "Created" : "Saved"} ${saved.row.name}`);
    go(`/subscriptions/${saved.row.name}`);
  };
  const load = (row: SubscriptionRow) => {
    setDraft(merged(base ? draftOf(base) : draft, draft, draftOf(row)));
    setBase(row);
    settle();
  };
  if (created) return <Created row={created} />;
  const name = base?.name;
  return (
    <Page title={name ? `Edit ${name}` : "Create a subscription"}>
      <form ref={form} onSubmit={submit} class="narrow">
        <SubscriptionFields draft={draft} isNew={!base} error={save.error} onDraft={setDraft} />
        {newest && base ? (
          <ConflictNotice base={draftOf(base)} mine={draft} newest={newest} onLoad={() => load(newest)} />
        ) : (
          <SaveError error={save.error} what={failureOf(save.error, draft.name, !base)} />
        )}
        <div class="buttons">
          <LinkButton to={name ? `/subscriptions/${name}` : "/subscriptions"}>Cancel</LinkButton>
          <Button type="submit" kind="primary" busy={save.pending}>
            {save.pending ? "Saving…" : name ? `Save ${name}` : `Create ${draft.name || "the subscription"}`}
          </Button>
        </div>
        <Terminal
          command={commandOf(draft)}
          request={curl("PUT", `/subscriptions/${draft.name || "NAME"}`, bodyOf(draft))}
        />
      </form>
    </Page>
  );
}

/** Why nothing was saved. What is wrong with a field is said at the field. */
function SaveError({ error, what }: { error: Error | null; what: string }) {
  const isMarked = error instanceof ApiError && (error.problem?.errors ?? []).length > 0;
  if (!isMarked) return <ErrorNotice error={error} what={what} />;
  return (
    <Notice kind="error" title={what}>
      <p>Correct each marked field, then save again.</p>
    </Notice>
  );
}

function failureOf(error: Error | null, name: string, isNew: boolean): string {
  if (isUncertain(error)) return `${name} may be saved. Try again: that changes nothing if it is`;
  return `${name} was not ${isNew ? "created" : "saved"}`;
}

/** Return the command that creates the same receiver; null if it has no option for that. */
function commandOf({ name, url, events, filter, format, description, enabled, include_reply }: Draft): string | null {
  if (description || !enabled || include_reply) return null;
  const types = ` --types ${quoted(events.join(","))}`;
  const where = format === "slack" ? "slack" : "webhook";
  const target = format === "slack" ? "" : ` --url ${quoted(url || "URL")}`;
  return `aichats notify add ${where} ${name || "NAME"}${target}${types}${filter ? ` --filter ${quoted(filter)}` : ""}`;
}
