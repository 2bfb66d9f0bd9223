import type { Schemas } from "../api/client";
import type { Connection } from "../model/credentials";
import { useSession } from "../session";
import { Section } from "../ui/page";
import { quoted } from "../ui/terminal";
import { Facts, Text } from "../ui/text";
import { companiesInWords } from "./connections_words";

interface Properties {
  keys: Schemas["KeyHolders"];
  connections: readonly Connection[];
}

/** Which companies work with an API key. */
export function ApiKeys({ keys, connections }: Properties) {
  const { me } = useSession();
  const hasDefault = connections.some((each) => each.is_default && each.state !== "disconnected");
  const count = keys.companies.length;
  return (
    <Section title="API keys">
      <Facts
        items={[
          [
            "Key for all companies",
            keys.default ? (hasDefault ? "stored, but the connection default comes first" : "stored") : "none",
          ],
          ["Keys of single companies", count > 0 ? companiesInWords(count) : "none"],
        ]}
      />
      {count > 0 && (
        <details>
          <summary>Show {companiesInWords(count)}</summary>
          <p>
            <Text>{keys.companies.join(", ")}</Text>
          </p>
        </details>
      )}
      <p class="faint">
        A key is never shown. To store the key of a company, type{" "}
        <code>aichats admin secret set whop --company biz_XXXXX --stack {quoted(me.stack)}</code>
      </p>
    </Section>
  );
}
