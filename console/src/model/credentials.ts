// Which credential aichats uses for a company, by the same rules as the functions that create chats.

import type { Schemas } from "../api/client";

export type Connection = Schemas["ConnectionView"];
type Connections = Schemas["Connections"];

export type Credential =
  | { kind: "connection"; connection: Connection; isOwn: boolean }
  | { kind: "key"; isOwn: boolean }
  | { kind: "none" };

/** Return the credential of a company: its own one, else the connection `default`, else the key for all companies. */
export function credentialOf(company: string, { data, api_keys }: Connections): Credential {
  const own = data.find((each) => each.companies.includes(company));
  if (own) return { kind: "connection", connection: own, isOwn: true };
  if (api_keys.companies.includes(company)) return { kind: "key", isOwn: true };
  const fallback = data.find((each) => each.is_default && each.state !== "disconnected");
  if (fallback) return { kind: "connection", connection: fallback, isOwn: false };
  return api_keys.default ? { kind: "key", isOwn: false } : { kind: "none" };
}
