import type { ComponentChildren } from "preact";
import type { Schemas } from "../api/client";
import { type Credential, credentialOf } from "../model/credentials";
import { useQueryParameters } from "../router";
import { useSession } from "../session";
import { TextField } from "../ui/form";
import { Section } from "../ui/page";
import { Notice } from "../ui/state";
import { quoted } from "../ui/terminal";
import { Text } from "../ui/text";
import { ConnectionBadge, STATES } from "./connections_words";

/** With which credential aichats works for a company. */
export function LookUp({ found }: { found: Schemas["Connections"] }) {
  const [query, change] = useQueryParameters();
  const company = query.get("company") ?? "";
  const isId = /^biz_\w+$/.test(company);
  return (
    <Section title="Which credential does a company use?">
      <TextField
        label="Company"
        type="search"
        code
        placeholder="biz_XXXXX"
        value={company}
        onValue={(text) => change({ company: text.trim() })}
        error={company === "" || isId || "biz_".startsWith(company) ? null : "The ID of a company begins with biz_."}
      />
      <div aria-live="polite">{isId && <Answer company={company} credential={credentialOf(company, found)} />}</div>
    </Section>
  );
}

function Answer({ company, credential }: { company: string; credential: Credential }) {
  const { me } = useSession();
  if (credential.kind === "none")
    return (
      <Notice kind="error" title="None: aichats can't call Whop for this company">
        <p>
          Connect an account, or store a key:{" "}
          <code>
            aichats admin secret set whop --company {quoted(company)} --stack {quoted(me.stack)}
          </code>
        </p>
      </Notice>
    );
  if (credential.kind === "key")
    return (
      <Line>
        <Text>{company}</Text> uses {credential.isOwn ? "its own API key" : "the API key for all companies"}.
      </Line>
    );
  const { connection, isOwn } = credential;
  const isOther = connection.company_id !== null && connection.company_id !== company;
  return (
    <>
      <Line>
        <Text>{company}</Text> uses the connection <strong>{connection.name}</strong>
        {connection.account?.name && (
          <>
            {" "}
            of <Text>{connection.account.name}</Text>
          </>
        )}
        {isOwn ? "" : ", because it has no credential of its own"}. <ConnectionBadge state={connection.state} />
        {connection.state !== "connected" && <span class="faint"> {STATES[connection.state].meaning}</span>}
      </Line>
      {isOther && (
        <Notice kind="warning" title="The access of this connection covers another company">
          <p>
            It is limited to <Text>{connection.company_id ?? ""}</Text>, so Whop may reject calls for this company.
          </p>
        </Notice>
      )}
    </>
  );
}

function Line({ children }: { children: ComponentChildren }) {
  return <p>{children}</p>;
}
