// What a page needs, and what the page says to an API client that may not see it.

import { type OperationId, useSession } from "../session";
import { Page } from "../ui/page";
import { Notice } from "../ui/state";
import { Command, quoted } from "../ui/terminal";
import { Text } from "../ui/text";

interface Need {
  readonly title: string;
  /** Operations of which each shows something on the page. */
  readonly anyOf: readonly OperationId[];
  readonly scopes: readonly string[];
}

const AUTOMATIONS: Need = { title: "Automations", anyOf: ["list_automations"], scopes: ["automations:read"] };
const RUNS: Need = { title: "Runs", anyOf: ["list_runs"], scopes: ["runs:read"] };
const SUBSCRIPTIONS: Need = {
  title: "Subscriptions",
  anyOf: ["list_subscriptions"],
  scopes: ["subscriptions:read"],
};
const NEEDS: Record<string, Need> = {
  "": { title: "Now", anyOf: ["list_automations", "list_runs"], scopes: ["automations:read", "runs:read"] },
  "/automations": AUTOMATIONS,
  "/automations/:name": { ...AUTOMATIONS, anyOf: ["get_automation"] },
  "/automations/:name/edit": {
    title: "Edit",
    anyOf: ["put_automation"],
    scopes: ["automations:write", "chats:write"],
  },
  "/create": {
    title: "Create an automation",
    anyOf: ["put_automation"],
    scopes: ["automations:write", "chats:write"],
  },
  "/runs": RUNS,
  "/runs/:id": { ...RUNS, anyOf: ["get_run"] },
  "/chats": { title: "Chats", anyOf: ["list_chats"], scopes: ["chats:read"] },
  "/jobs/:id": { title: "Job", anyOf: ["get_job"], scopes: ["runs:read"] },
  "/usage": { title: "Usage", anyOf: ["get_usage"], scopes: ["runs:read"] },
  "/subscriptions": SUBSCRIPTIONS,
  "/subscriptions/:name": { ...SUBSCRIPTIONS, anyOf: ["get_subscription"] },
  "/subscriptions/:name/edit": { title: "Edit", anyOf: ["put_subscription"], scopes: ["subscriptions:write"] },
  "/subscribe": { title: "Create a subscription", anyOf: ["put_subscription"], scopes: ["subscriptions:write"] },
  "/connections": { title: "Connections", anyOf: ["list_connections"], scopes: ["automations:read"] },
};

/** Return what a page needs that the client lacks; null if it may see the page. */
export function useMissing(route: string): Need | null {
  const { can } = useSession();
  const need = NEEDS[route];
  return need && !need.anyOf.some((operation) => can(operation)) ? need : null;
}

export function Missing({ need }: { need: Need }) {
  const { me } = useSession();
  const lacking = need.scopes.filter((scope) => !me.scopes.includes(scope));
  const scopes = [...me.scopes, ...lacking].toSorted();
  const companies = me.companies ? ` --companies ${me.companies.map(quoted).join(",")}` : "";
  if (lacking.length === 0) {
    return (
      <Page title={need.title}>
        <Notice title="This page is closed to clients that are limited to companies">
          <p>
            <Text>{me.name}</Text> is limited to <Text>{(me.companies ?? []).join(", ")}</Text>. Sign in with a client
            that has no limit.
          </p>
        </Notice>
      </Page>
    );
  }
  return (
    <Page title={need.title}>
      <Notice title={`This page needs the scope ${lacking.join(" and ")}`}>
        <p>
          The API client <Text>{me.name}</Text> lacks it. The scopes of a client can't change: create another one, then
          sign out, and sign in with its token.
        </p>
      </Notice>
      <Command
        name="To create a client that may see this page:"
        text={`aichats admin callers add console --scopes ${scopes.join(",")}${companies}`}
      />
    </Page>
  );
}
