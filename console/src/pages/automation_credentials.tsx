import { read } from "../api/client";
import { useQuery } from "../hooks";
import type { AutomationView } from "../model/automation_words";
import { type Credential, credentialOf } from "../model/credentials";
import { count } from "../model/words";
import { Link } from "../router";
import { useSession } from "../session";
import { StateBadge } from "../ui/status";

const REFRESH_MS = 60_000;

/** With which credential of Whop an automation creates the chats of its companies. Nothing is shown if it isn't known. */
export function Credentials({ automation }: { automation: AutomationView }) {
  const { api, can } = useSession();
  const companies = companiesOf(automation);
  const isShown = companies.length > 0 && can("list_connections");
  const connections = useQuery(isShown ? "connections" : null, () => read(api.GET("/connections")), REFRESH_MS);
  const all = connections.data;
  if (!all) return null;
  const uses = new Map<string, { credential: Credential; companies: number }>();
  for (const company of companies) {
    const credential = credentialOf(company, all);
    const key = nameOf(credential);
    uses.set(key, { credential, companies: (uses.get(key)?.companies ?? 0) + 1 });
  }
  return (
    <div class="lines">
      <h3>Connection to Whop</h3>
      <ul class="lines">
        {[...uses].map(([name, use]) => (
          <li key={name} class="beside">
            <Link to="/connections">{name}</Link>
            {uses.size > 1 && <span class="faint">for {count(use.companies, "company", "companies")}</span>}
            <Trouble credential={use.credential} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Trouble({ credential }: { credential: Credential }) {
  if (credential.kind === "none") return <StateBadge state="broken" text="chats will fail" />;
  if (credential.kind === "key" || credential.connection.state === "connected") return null;
  return <StateBadge state="broken" text={credential.connection.state} />;
}

function nameOf(credential: Credential): string {
  if (credential.kind === "none") return "No credential";
  if (credential.kind === "connection") return `Connection ${credential.connection.name}`;
  return credential.isOwn ? "API key of the company" : "API key for all companies";
}

/** Return the companies that are known before an event comes. */
function companiesOf({ action, targets }: AutomationView): string[] {
  if (action.type !== "whop.create_chat") return [];
  return targets.filter((target): target is string => target?.startsWith("biz_") ?? false);
}
