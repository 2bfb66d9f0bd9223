// What connections are called, what their states mean, and how to repair them.

import type { Connection } from "../model/credentials";
import { useSession } from "../session";
import { Copy } from "../ui/button";
import { Scrollable } from "../ui/scrollable";
import { Badge } from "../ui/status";
import { quoted } from "../ui/terminal";
import { Text } from "../ui/text";

export const STATES: Record<Connection["state"], { badge: string; sign: string; meaning: string }> = {
  connected: { badge: "state-connected", sign: "●", meaning: "works" },
  expired: { badge: "state-paused", sign: "◐", meaning: "its access has ended, and aichats has not renewed it yet" },
  broken: { badge: "state-broken", sign: "✕", meaning: "the user must log in again" },
  disconnected: { badge: "", sign: "○", meaning: "no user is logged in" },
  unreadable: { badge: "state-broken", sign: "?", meaning: "aichats can't read its secret" },
};

export function ConnectionBadge({ state }: { state: Connection["state"] }) {
  const { badge, sign } = STATES[state];
  return <Badge kind={badge} sign={sign} text={state} />;
}

/** The user whose account a connection is. */
export function Account({ of }: { of: Connection }) {
  if (of.account === null)
    return (
      <span class="faint">
        {of.state === "disconnected" ? "no user" : "not known (logged in before aichats stored it)"}
      </span>
    );
  const { id, name, username } = of.account;
  return (
    <div class="cell-lines">
      <Text>{name ?? username ?? id}</Text>
      <span class="faint">
        <Text>{[name && username && `@${username}`, id].filter(Boolean).join(" · ")}</Text>
      </span>
    </div>
  );
}

/** Return the command that logs a user in, for this connection. */
export function connectCommand(of: Connection, stack: string): string {
  const company = of.company_id ? ` --company ${quoted(of.company_id)}` : "";
  const client = quoted(of.client_id ?? "app_XXXXX");
  return `aichats admin connect --stack ${quoted(stack)} --client-id ${client} --connection ${quoted(of.name)}${company}`;
}

/** The command that logs a user in, to be copied. */
export function ConnectCommand({ of }: { of: Connection }) {
  const { me } = useSession();
  const command = connectCommand(of, me.stack);
  return (
    <div class="command">
      <div class="command-head">
        <span>aichats</span>
        <Copy text={command} label="Copy the command" />
      </div>
      <Scrollable label={`Command that connects ${of.name}`}>
        <pre>{command}</pre>
      </Scrollable>
      {of.client_id === null && <p class="faint">Replace app_XXXXX with the ID of your app at Whop.</p>}
    </div>
  );
}
