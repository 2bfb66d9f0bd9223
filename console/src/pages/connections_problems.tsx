// Connections that need a person, or that will need one soon.

import type { Connection } from "../model/credentials";
import { count } from "../model/words";
import { When } from "../time";
import { Notice } from "../ui/state";
import { Text } from "../ui/text";
import { ConnectCommand } from "./connections_words";

const MOST_SHOWN = 5;

export function ConnectionProblems({ connections }: { connections: readonly Connection[] }) {
  const broken = connections.filter((each) => each.state === "broken" || each.state === "unreadable");
  const wrong = [...broken, ...connections.filter(isLeft)];
  return (
    <>
      {wrong.slice(0, MOST_SHOWN).map((each) => (
        <Problem key={each.name} of={each} />
      ))}
      {wrong.length > MOST_SHOWN && (
        <Notice kind="error" title={`${wrong.length - MOST_SHOWN} more connections don't work`}>
          <p>The list below shows them.</p>
        </Notice>
      )}
    </>
  );
}

/** Return whether a connection that companies use has no user. */
function isLeft(of: Connection): boolean {
  return of.state === "disconnected" && of.companies.length > 0;
}

function Problem({ of }: { of: Connection }) {
  if (of.state === "unreadable")
    return (
      <Notice kind="error" title={`aichats can't read the secret of the connection ${of.name}`}>
        {of.reason && (
          <p>
            <Text>{of.reason}</Text>
          </p>
        )}
        <p>Runs for {usersOf(of)} wait up to 24 hours, or fail.</p>
      </Notice>
    );
  if (of.state === "disconnected")
    return (
      <Notice kind="warning" title={`No user is logged in for the connection ${of.name}`}>
        <p>Runs for {usersOf(of)} can't be performed. Log in:</p>
        <ConnectCommand of={of} />
      </Notice>
    );
  return (
    <Notice
      kind="error"
      title={
        <>
          The connection {of.name} is broken{of.broken_at && " since "}
          {of.broken_at && <When at={of.broken_at} />}
        </>
      }
    >
      <p>
        Whop rejected the renewal of its access for good{of.reason ? ": " : "."}
        {of.reason && <Text>{of.reason}</Text>}
      </p>
      <p>Runs for {usersOf(of)} wait up to 24 hours. Log in again, and they continue:</p>
      <ConnectCommand of={of} />
    </Notice>
  );
}

function usersOf(of: Connection): string {
  const own = of.companies.length > 0 ? count(of.companies.length, "company", "companies") : "";
  const rest = of.is_default ? "all companies without a credential of their own" : "";
  return [own, rest].filter(Boolean).join(" and ") || "no company";
}
