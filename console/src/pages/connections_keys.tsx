import type { Schemas } from "../api/client";
import type { Connection } from "../model/credentials";
import { count } from "../model/words";
import { useSession } from "../session";
import { Section } from "../ui/page";
import { Command, quoted } from "../ui/terminal";
import { Facts, Text } from "../ui/text";

interface Properties {
  keys: Schemas["KeyHolders"];
  connections: readonly Connection[];
}

/** Which companies work with an API key. */
export function ApiKeys({ keys, connections }: Properties) {
  const { me } = useSession();
  const hasDefault = connections.some((each) => each.is_default && each.state !== "disconnected");
  const number = keys.companies.length;
  return (
    <Section title="API keys">
      <Facts
        items={[
          [
            "Key for all companies",
            keys.default ? (hasDefault ? "stored, but the connection default comes first" : "stored") : "none",
          ],
          ["Keys of single companies", number > 0 ? count(number, "company", "companies") : "none"],
        ]}
      />
      {number > 0 && (
        <details>
          <summary>Show {count(number, "company", "companies")}</summary>
          <p>
            <Text>{keys.companies.join(", ")}</Text>
          </p>
        </details>
      )}
      <Command
        name="To rotate the key for all companies, create a new one at Whop, and store it:"
        text={`aichats admin secret set whop --stack ${quoted(me.stack)}`}
      />
      <p class="faint">
        For the key of one company, add <code>--company biz_XXXXX</code>. A stored key is never shown.
      </p>
    </Section>
  );
}
