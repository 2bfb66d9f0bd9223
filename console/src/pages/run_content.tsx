// What a run sent, and what came back.

import type { ComponentChildren } from "preact";
import { useSession } from "../session";
import { formatDuration, Time } from "../time";
import { Section } from "../ui/page";
import { Facts, Id, Json, LongText, Text } from "../ui/text";
import { providerOf } from "./run_advice";
import { hasText, type RunDetails } from "./run_story";

/** The text that a run sends or, if it can't be shown, the reason. */
export function Sent({ run }: { run: RunDetails }) {
  const { me } = useSession();
  const { sent } = run;
  return (
    <Section title={run.status === "succeeded" ? "What was sent" : "What it sends"}>
      {sent === null && <p class="faint">{whyNoText(run, me.scopes.includes("messages:read"))}</p>}
      {sent?.title && (
        <div class="titled">
          <h3>Title</h3>
          <p>
            <Text>{sent.title}</Text>
          </p>
        </div>
      )}
      {sent?.message && (
        <div class="titled">
          <h3>Message</h3>
          <LongText label="Message">{sent.message}</LongText>
        </div>
      )}
    </Section>
  );
}

function whyNoText(run: RunDetails, mayRead: boolean): string {
  if (!mayRead) return "Your token can't read texts: it lacks the scope messages:read.";
  if (!hasText(run.action)) return "This run sends no text: it changes the settings of a chat.";
  if (run.error?.field || run.error?.type === "RenderError")
    return "The text could not be filled in, so there is none.";
  return "The text isn't kept any longer. The stack's parameter KeepTextsDays says how long texts are kept.";
}

/** What the provider returned: the chat, the agent's reply, tokens and files. */
export function CameBack({ run }: { run: RunDetails }) {
  const { me } = useSession();
  const mayRead = me.scopes.includes("chats:read");
  const address = addressOf(run.chat);
  const text = typeof run.reply?.content === "string" ? run.reply.content : null;
  const facts: [string, ComponentChildren][] = [
    ["Chat", run.chat_id && <Id>{run.chat_id}</Id>],
    ["Reply", replyInWords(run)],
    ["Replied", run.replied_at && <Time at={run.replied_at} style="full" />],
    ["Tokens", run.tokens === null ? null : String(run.tokens)],
    ["Files", run.files.length > 0 ? run.files.map((file) => <Id key={file}>{file}</Id>) : null],
  ];
  return (
    <Section title="What came back">
      {run.chat_id === null && run.reply === null && <p class="faint">Nothing came back, because no chat is known.</p>}
      {facts.some(([, value]) => value) && <Facts items={facts} />}
      {address && (
        <p>
          <a href={address} target="_blank" rel="noopener noreferrer">
            Open the chat at {providerOf(run)} (new tab)
          </a>
        </p>
      )}
      {text !== null && (
        <div class="titled">
          <h3>Reply of the agent</h3>
          <LongText label="Reply of the agent">{text}</LongText>
        </div>
      )}
      {run.chat && <Raw title={`The chat as ${providerOf(run)} returned it`} value={run.chat} />}
      {run.reply && <Raw title={`The reply as ${providerOf(run)} returned it`} value={run.reply} />}
      {run.chat_id && !mayRead && (
        <p class="faint">Your token can't read the chat and the reply: it lacks the scope chats:read.</p>
      )}
    </Section>
  );
}

function Raw({ title, value }: { title: string; value: unknown }) {
  return (
    <details>
      <summary>{title}</summary>
      <Json value={value} label={title} />
    </details>
  );
}

function replyInWords(run: RunDetails): string | null {
  if (run.reply_status === null) return null;
  if (run.reply_status === "awaited") return "awaited: aichats watches the chat";
  if (run.reply_status === "overdue") return "overdue: aichats stopped watching the chat";
  return run.reply_seconds === null ? "replied" : `replied after ${formatDuration(run.reply_seconds * 1000)}`;
}

/** Return the address of a chat, if its provider returned one that is safe to open. */
function addressOf(chat: RunDetails["chat"]): string | null {
  const found = chat?.url ?? chat?.web_url;
  return typeof found === "string" && URL.canParse(found) && new URL(found).protocol === "https:" ? found : null;
}
