import { read } from "../api/client";
import { useQuery } from "../hooks";
import { useSession } from "../session";
import { Page } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import { ApiKeys } from "./connections_keys";
import { ConnectionList } from "./connections_list";
import { LookUp } from "./connections_look_up";
import { ConnectionProblems } from "./connections_problems";

export function Connections(_: { parameters: Record<string, string> }) {
  const { api } = useSession();
  const answer = useQuery("connections", () => read(api.GET("/connections")), 15_000);
  const found = answer.data;
  return (
    <Page
      title="Connections"
      description="A connection is the Whop account of a user who logged in. aichats acts for that user, and renews the access automatically. A company can also have an API key."
    >
      <ErrorNotice error={answer.error} what="The connections can't be read" onRetry={answer.reload} />
      {answer.loading && <Loading what="connections" />}
      {found && (
        <>
          <ConnectionProblems connections={found.data} />
          <ConnectionList connections={found.data} keys={found.api_keys} />
          <div class="columns">
            <LookUp found={found} />
            <ApiKeys keys={found.api_keys} connections={found.data} />
          </div>
        </>
      )}
      <Terminal command={null} request={curl("GET", "/connections")} />
    </Page>
  );
}
