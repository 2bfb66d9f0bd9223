import { useState } from "preact/hooks";
import type { Schemas } from "../api/client";
import type { Connection } from "../model/credentials";
import { count } from "../model/words";
import { Distance, Time, When } from "../time";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Section } from "../ui/page";
import { usePortion } from "../ui/portion";
import { type Column, Table } from "../ui/table";
import { Facts, Text } from "../ui/text";
import { Account, ConnectCommand, ConnectionBadge, STATES } from "./connections_words";

const PAGE = 25;

interface Properties {
  connections: readonly Connection[];
  keys: Schemas["KeyHolders"];
}

export function ConnectionList({ connections, keys }: Properties) {
  const { shown, more } = usePortion(connections, PAGE, "connections");
  const [open, setOpen] = useState<string | null>(null);
  const opened = connections.find((each) => each.name === open);
  return (
    <Section title="Accounts">
      <Table caption="Connections" rows={shown} id={(row) => row.name} columns={columns(keys, setOpen)} />
      {more}
      {opened && <ConnectionDialog of={opened} onClose={() => setOpen(null)} />}
    </Section>
  );
}

function columns(keys: Schemas["KeyHolders"], open: (name: string) => void): readonly Column<Connection>[] {
  return [
    {
      title: "Connection",
      cell: (row) => (
        <Button kind="quiet" label={`${row.name}: show the connection`} onClick={() => open(row.name)}>
          {row.name}
        </Button>
      ),
    },
    {
      title: "State",
      cell: (row) => (
        <div class="cell-lines">
          <ConnectionBadge state={row.state} />
          {row.state !== "connected" && <span class="faint">{STATES[row.state].meaning}</span>}
        </div>
      ),
    },
    { title: "Account", cell: (row) => <Account of={row} /> },
    { title: "Used by", cell: (row) => <UsedBy of={row} keys={keys} /> },
    { title: "Last renewal", cell: (row) => <Renewal at={row.renewed_at} /> },
    { title: "Next renewal", cell: (row) => <Renewal at={row.renews_at} /> },
  ];
}

function Renewal({ at }: { at: string | null }) {
  if (at === null) return <>–</>;
  return (
    <div class="cell-lines">
      <Time at={at} />
      <span class="faint">
        <Distance at={at} />
      </span>
    </div>
  );
}

function UsedBy({ of, keys }: { of: Connection; keys: Schemas["KeyHolders"] }) {
  const isUsed = of.is_default && of.state !== "disconnected";
  return (
    <div class="cell-lines">
      {isUsed && <span>all other companies</span>}
      {of.companies.length > 3 && count(of.companies.length, "company", "companies")}
      {of.companies.length <= 3 && of.companies.map((each) => <Text key={each}>{each}</Text>)}
      {!isUsed && of.companies.length === 0 && (
        <span class="faint">{keys.default ? "nothing: the API key is used instead" : "nothing"}</span>
      )}
    </div>
  );
}

function ConnectionDialog({ of, onClose }: { of: Connection; onClose(): void }) {
  return (
    <Dialog title={`Connection ${of.name}`} onClose={onClose}>
      <div class="delivery">
        <Facts
          items={[
            ["State", <ConnectionBadge key="state" state={of.state} />],
            ["Account", <Account key="account" of={of} />],
            ["App at Whop", of.client_id && <code>{of.client_id}</code>],
            ["Covers", of.company_id ? <code>{of.company_id}</code> : of.client_id && "all companies of the user"],
            ["Current access ends", of.expires_at && <When at={of.expires_at} />],
            ["Last renewal", of.renewed_at && <When at={of.renewed_at} />],
            ["Next renewal", of.renews_at && <When at={of.renews_at} />],
            ["Broken since", of.broken_at && <When at={of.broken_at} />],
            ["Reason", of.reason && <Text>{of.reason}</Text>],
            ["Chosen for", of.companies.length > 0 && <Text>{of.companies.join(", ")}</Text>],
          ]}
        />
        <h3>{of.state === "disconnected" ? "Connect an account" : "Connect this account again, or another one"}</h3>
        <p>Run this on a machine with a browser, and log in to Whop as the user for whom aichats acts:</p>
        <ConnectCommand of={of} />
        <div class="buttons">
          <Button onClick={onClose}>Close</Button>
        </div>
      </div>
    </Dialog>
  );
}
