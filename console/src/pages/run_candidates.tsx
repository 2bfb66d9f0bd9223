// How a person finds the chat of a run whose outcome is unknown.

import { useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { useSession } from "../session";
import { Time } from "../time";
import { Button } from "../ui/button";
import { ErrorNotice } from "../ui/state";
import { Text } from "../ui/text";
import { providerOf } from "./run_advice";
import type { RunDetails } from "./run_story";

const CANDIDATES = 50;
/** Clocks of different machines differ. */
const TOLERANCE_MS = 120_000;

interface LookProperties {
  run: RunDetails;
  onFound(id: string): void;
}

/** How to find the chat: where, when, its mark, and the chats that may be it. */
export function HowToLook({ run, onFound }: LookProperties) {
  const { can } = useSession();
  const mark = markOf(run);
  const isListed = run.action === "whop.create_chat" && can("list_chats");
  return (
    <div class="how-to-look">
      <p>
        Look at {providerOf(run)}
        {run.target && (
          <>
            {" "}
            for <Text>{run.target}</Text>
          </>
        )}
        . {mark ? <>The title of the chat begins with </> : <>It would be from </>}
        {mark ? <code>{mark}</code> : <Time at={run.created_at} style="full" />}
        {!mark && " or later"}.
      </p>
      {isListed && <Candidates run={run} mark={mark} onFound={onFound} />}
    </div>
  );
}

/** Return the ten characters by which aichats marks the title of a chat; null if there are none. */
function markOf(run: RunDetails): string | null {
  return /title begins with ([a-z2-7]{10})\b/.exec(run.error?.message ?? "")?.[1] ?? null;
}

interface CandidatesProperties extends LookProperties {
  mark: string | null;
}

/** Chats of Whop that may be the chat of the run. They are read only if the person asks. */
function Candidates({ run, mark, onFound }: CandidatesProperties) {
  const { api } = useSession();
  const [wanted, setWanted] = useState(false);
  const chats = useQuery(wanted ? `candidates ${run.run_id}` : null, async () => {
    const page = await read(api.GET("/chats", { params: { query: { first: CANDIDATES } } }));
    return page.data.filter((chat) => mayBe(run, mark, chat));
  });
  if (!wanted) return <Button onClick={() => setWanted(true)}>Look for it among the newest chats</Button>;
  return (
    <div role="status">
      <ErrorNotice error={chats.error} what="The chats can't be read" onRetry={chats.reload} />
      {chats.loading && <p class="faint">Looking through the newest {CANDIDATES} chats…</p>}
      {chats.data?.length === 0 && (
        <p>None of the newest {CANDIDATES} chats that your Whop key can see fits. It may still exist elsewhere.</p>
      )}
      <ul class="candidates">
        {chats.data?.map((chat) => (
          <li key={chat.id}>
            <span>
              <Text>{chat.title ?? "without a title"}</Text>
              <br />
              <span class="faint">
                <code>{chat.id}</code> · created <Time at={chat.created_at} style="full" />
              </span>
            </span>
            <Button label={`Choose the chat ${chat.id}`} onClick={() => onFound(chat.id)}>
              This is it
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function mayBe(run: RunDetails, mark: string | null, chat: Schemas["AiChat"]): boolean {
  if (mark && chat.title?.startsWith(mark)) return true;
  const isNew = Date.parse(chat.created_at) >= Date.parse(run.created_at) - TOLERANCE_MS;
  return mark === null && isNew && (!run.sent?.title || chat.title === run.sent.title);
}
