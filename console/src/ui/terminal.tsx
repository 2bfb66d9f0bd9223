// The same from a terminal: the `aichats` command and the `curl` for what the page shows or does.

import { Copy } from "./button";
import { Scrollable } from "./scrollable";

/** Return a word that a shell passes on as it is. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Return the `curl` for a call of the API. The token comes from the variable AICHATS_TOKEN. */
export function curl(method: string, path: string, body?: unknown): string {
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(window.location.origin + path)}`];
  lines.push('-H "Authorization: Bearer $AICHATS_TOKEN"');
  if (body !== undefined) {
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  }
  return lines.join(" \\\n  ");
}

/** Commands that do the same from a terminal, to be copied. */
export function Terminal({ command, request }: { command: string | null; request: string }) {
  return (
    <details class="terminal">
      <summary>From a terminal</summary>
      {command && <Command name="aichats" text={command} />}
      <Command name="curl" text={request} />
    </details>
  );
}

/** One command, to be copied. `name` is a program, or a sentence that ends with a colon. */
export function Command({ name, text }: { name: string; text: string }) {
  const isSentence = name.endsWith(":");
  return (
    <div class="command">
      <div class="command-head">
        <span>{name}</span>
        <Copy text={text} label={isSentence ? "Copy this command" : `Copy the ${name} command`} />
      </div>
      <Scrollable label={isSentence ? name.slice(0, -1) : `${name} command`}>
        <pre>{text}</pre>
      </Scrollable>
    </div>
  );
}
