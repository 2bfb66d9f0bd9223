import { read } from "../api/client";
import { useQuery } from "../hooks";
import { useSession } from "../session";
import { LinkButton } from "../ui/button";
import { Page } from "../ui/page";
import { curl, Terminal } from "../ui/terminal";
import { Needs } from "./now_needs";
import { OpenRuns } from "./now_open";
import { PlannedPauses, StopEverything } from "./now_stop";
import { NextDay } from "./now_upcoming";

/** What needs a person, what comes next, and what is being done. */
export function Now(_: { parameters: Record<string, string> }) {
  const { can } = useSession();
  const empty = useEmpty();
  return (
    <Page
      title="Now"
      description="What needs you, what comes next, and what is being done"
      actions={<StopEverything />}
    >
      <PlannedPauses />
      {empty && <Welcome />}
      <Needs />
      {can("list_upcoming") && !empty && <NextDay />}
      {can("list_runs") && !empty && <OpenRuns />}
      {!empty && <Terminal command="aichats status" request={curl("GET", "/upcoming")} />}
    </Page>
  );
}

const EVERY_MS = 60_000;

/** Return whether the stack has no automation and no run, as after its deployment. */
function useEmpty(): boolean {
  const { api, can } = useSession();
  const load = async () => {
    const query = { limit: 1 };
    const automations = await read(api.GET("/automations", { params: { query } }));
    if (automations.data.length > 0) return false;
    const runs = await read(api.GET("/runs", { params: { query } }));
    return runs.data.length === 0 && runs.next_cursor === null;
  };
  const { data } = useQuery(can("list_automations", "list_runs") ? "empty" : null, load, EVERY_MS);
  return data ?? false;
}

function Welcome() {
  const { can } = useSession();
  return (
    <section class="welcome" aria-label="Welcome">
      <h2>Welcome to aichats</h2>
      <p>
        An automation creates AI chats at the times that you choose, or when an event happens, such as a failed payment.
        This stack has none yet.
      </p>
      <ol>
        <li>Create an automation with the form: no code, and no cron.</li>
        <li>See its texts and its next times before you save it.</li>
        <li>Come back here to see what it does.</li>
      </ol>
      {can("put_automation") && (
        <div class="actions">
          <LinkButton kind="primary" to="/create">
            Create the first automation
          </LinkButton>
        </div>
      )}
      <Terminal
        command={
          'aichats auto create daily-numbers --every weekday --at 08:30 --message "Sum up yesterday." --for biz_XXXXX --mute'
        }
        request={curl("GET", "/automations")}
      />
    </section>
  );
}
