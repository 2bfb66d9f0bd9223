import { useState } from "preact/hooks";
import { ApiError, read } from "../api/client";
import { type Query, useQuery } from "../hooks";
import { type AutomationView, DEEDS, type Deed, NEEDED, switchOf } from "../model/automation_words";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { Button, LinkButton } from "../ui/button";
import { Page } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { Text } from "../ui/text";
import { DeedDialog } from "./automation_deeds";
import { Definition } from "./automation_definition";
import { Manage, Overview, OverviewTerminal } from "./automation_overview";
import { runsOf, ShortState } from "./automation_state";
import { Texts } from "./automation_texts";
import { TryEvent } from "./automation_try";
import { isView } from "./automations_search";

const REFRESH_MS = 10_000;

export function Automation({ parameters }: { parameters: Record<string, string> }) {
  const name = parameters.name ?? "";
  const { api } = useSession();
  const automation = useQuery(
    `automation ${name}`,
    async () => {
      const found = await read(api.GET("/automations/{name}", { params: { path: { name } } }));
      if (!isView(found)) throw new Error("The answer has no state.");
      return found;
    },
    REFRESH_MS,
  );
  if (automation.error instanceof ApiError && automation.error.status === 404) {
    return <Missing name={name} wasThere={automation.data !== undefined} />;
  }
  if (automation.data) return <Loaded query={automation} automation={automation.data} />;
  return (
    <Page title={name}>
      <ErrorNotice error={automation.error} what={`${name} can't be read`} onRetry={automation.reload} />
      {automation.loading && <Loading what="the automation" />}
    </Page>
  );
}

function Missing({ name, wasThere }: { name: string; wasThere: boolean }) {
  const { can } = useSession();
  return (
    <Page title={name}>
      <Empty title={wasThere ? "This automation was deleted" : `There is no automation ${name}`}>
        <p>The runs of a deleted automation stay in the history.</p>
        <div class="actions">
          <LinkButton to="/automations">Show all automations</LinkButton>
          {can("list_runs") && <LinkButton to={runsOf(name)}>Show its runs</LinkButton>}
        </div>
      </Empty>
    </Page>
  );
}

type Part = "overview" | "texts" | "try" | "definition";
const PARTS: Record<Part, string> = {
  overview: "Overview",
  texts: "What it sends",
  try: "Try with an event",
  definition: "Definition",
};

function Loaded({ query, automation }: { query: Query<AutomationView>; automation: AutomationView }) {
  const [deed, setDeed] = useState<Deed | null>(null);
  const [parameters] = useQueryParameters();
  const parts: Part[] = ["overview", automation.trigger.type === "webhook" ? "try" : "texts", "definition"];
  const part = parts.find((each) => each === parameters.get("show")) ?? "overview";
  return (
    <Page
      title={automation.name}
      heading={
        <>
          {automation.name} <ShortState automation={automation} />
        </>
      }
      description={automation.description && <Text>{automation.description}</Text>}
      actions={<MainActions automation={automation} onDeed={setDeed} />}
    >
      <ErrorNotice error={query.error} what="The newest state can't be read" onRetry={query.reload} />
      <nav class="tabs" aria-label={`Parts of ${automation.name}`}>
        {parts.map((each) => (
          <Link
            key={each}
            to={`/automations/${automation.name}${each === "overview" ? "" : `?show=${each}`}`}
            aria-current={each === part ? "page" : undefined}
          >
            {PARTS[each]}
          </Link>
        ))}
      </nav>
      {part === "overview" && <Overview automation={automation} onDeed={setDeed} onChanged={query.reload} />}
      {part === "texts" && <Texts automation={automation} />}
      {part === "try" && <TryEvent automation={automation} onChanged={query.reload} />}
      {part === "definition" && <Definition automation={automation} />}
      {part === "overview" && (
        <>
          <Manage automation={automation} onDeed={setDeed} />
          <OverviewTerminal automation={automation} />
        </>
      )}
      {deed && (
        <DeedDialog deed={deed} automation={automation} onChanged={query.reload} onClose={() => setDeed(null)} />
      )}
    </Page>
  );
}

function MainActions({ automation, onDeed }: { automation: AutomationView; onDeed(deed: Deed): void }) {
  const { can } = useSession();
  const { name, trigger } = automation;
  const change = switchOf(automation);
  const canRun = can(...NEEDED.run) && automation.state !== "deleting" && trigger.type === "schedule";
  return (
    <>
      {canRun && (
        <Button kind="primary" onClick={() => onDeed("run")}>
          Run now
        </Button>
      )}
      {can(...NEEDED.run) && trigger.type === "webhook" && (
        <LinkButton kind="primary" to={`/automations/${name}?show=try`}>
          Try with an event
        </LinkButton>
      )}
      {change && can(...NEEDED[change]) && <Button onClick={() => onDeed(change)}>{DEEDS[change]}</Button>}
      {can("put_automation") && <LinkButton to={`/automations/${name}/edit`}>Edit</LinkButton>}
    </>
  );
}
