// What is shown above each page: that the browser is offline, and that the stack is paused.

import { useEffect, useRef, useState } from "preact/hooks";
import { read } from "../api/client";
import { useAction, useOnline, useQuery } from "../hooks";
import { firstRuns, openSince } from "../model/first_runs";
import { type ShownPause, useStackPause } from "../model/pause";
import { Link, useNavigation } from "../router";
import { useSession } from "../session";
import { Time } from "../time";
import { Button } from "./button";
import { Confirm } from "./dialog";
import { Notice } from "./state";
import { curl, Terminal } from "./terminal";
import { Text } from "./text";
import { useToast } from "./toast";

/** The banners that apply to all pages. */
export function Banners() {
  const online = useOnline();
  return (
    <aside class="banners" aria-label="State of the stack">
      {!online && (
        <Notice kind="warning" title="You are offline">
          <p>The page shows the last answers. It continues as soon as you are online again.</p>
        </Notice>
      )}
      <PauseBanner />
    </aside>
  );
}

function PauseBanner() {
  const { stack } = useStackPause();
  const pause = stack?.paused ?? null;
  const banner = useRef<HTMLDivElement>(null);
  const isPaused = pause !== null;
  const known = useRef(isPaused);
  // The button that was pressed is gone, so the focus goes to what replaced it.
  useEffect(() => {
    if (known.current === isPaused) return;
    known.current = isPaused;
    if (document.activeElement !== document.body) return;
    if (isPaused) banner.current?.focus();
    else document.querySelector<HTMLElement>("h1")?.focus();
  }, [isPaused]);
  return (
    <div ref={banner} role="status" tabIndex={-1}>
      {pause && <Paused pause={pause} />}
    </div>
  );
}

function Paused({ pause }: { pause: ShownPause }) {
  const { can } = useSession();
  const { path } = useNavigation().location;
  const [open, setOpen] = useState(false);
  // A link of the dialog leads to another page.
  useEffect(() => setOpen(false), [path]);
  return (
    <div class="banner">
      <span class="sign" aria-hidden="true">
        ‖
      </span>
      <div class="grow">
        <p class="title">
          Everything is stopped {pause.until ? <>until {<Time at={pause.until} />}</> : "until you resume"}
        </p>
        <p>
          By <Text>{pause.by ?? "an unknown API client"}</Text>, since <Time at={pause.from} />
          {pause.reason && (
            <>
              {": "}
              <Text>{pause.reason}</Text>
            </>
          )}
        </p>
      </div>
      {can("resume_stack") && <Button onClick={() => setOpen(true)}>Resume everything</Button>}
      {open && <ResumeDialog pause={pause} onClose={() => setOpen(false)} />}
    </div>
  );
}

function ResumeDialog({ pause, onClose }: { pause: ShownPause; onClose(): void }) {
  const { api } = useSession();
  const { show } = useStackPause();
  const toast = useToast();
  const resume = useAction(() => read(api.POST("/resume")));
  return (
    <Confirm
      title="Resume everything?"
      verb="Resume everything"
      action={resume}
      failure="The stack is not resumed"
      onClose={onClose}
      onDone={(state) => {
        onClose();
        show(state);
        toast("Resumed. Runs that waited continue within about five minutes.");
      }}
    >
      <p>
        Automations start again at their next time. Times that were skipped stay skipped. Runs that wait continue within
        about five minutes.
      </p>
      <Waiting />
      {pause.by === "budget" && (
        <p>
          The stack is paused because its budget is used up. If you resume, it has no limit until the budget renews.
        </p>
      )}
      <Terminal command="aichats auto resume --all" request={curl("POST", "/resume")} />
    </Confirm>
  );
}

/** How many runs continue after the pause, so that a person can cancel them first. */
function Waiting() {
  const { api, can } = useSession();
  const load = () => firstRuns(api, { status: "pending", since: openSince() }, 100);
  const { data } = useQuery(can("list_runs") ? "waiting" : null, load);
  if (!data || data.list.length === 0) return null;
  const number = `${data.list.length}${data.more ? " or more" : ""}`;
  return (
    <p>
      <strong>
        {number} {number === "1" ? "run waits" : "runs wait"}.
      </strong>{" "}
      Cancel those that must not continue first: <Link to="/runs?status=pending">Show the runs that wait</Link>
    </p>
  );
}
