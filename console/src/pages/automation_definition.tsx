import { read } from "../api/client";
import { useQuery } from "../hooks";
import type { AutomationView } from "../model/automation_words";
import { useSession } from "../session";
import { Copy } from "../ui/button";
import { Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Json } from "../ui/text";
import { Managed } from "./automation_change";

/** The definition of an automation as it was written, to be kept in a file. */
export function Definition({ automation }: { automation: AutomationView }) {
  const { api } = useSession();
  const { name, etag, managed_by } = automation;
  const written = useQuery(`definition of ${name} ${etag}`, () =>
    read(api.GET("/automations/{name}", { params: { path: { name }, query: { view: "input" } } })),
  );
  const file = `${name}.json`;
  const adopt = managed_by ? "" : ` --adopt ${name}`;
  return (
    <Section
      title="Definition"
      actions={written.data && <Copy text={`${JSON.stringify(written.data, null, 2)}\n`} label={`Copy ${file}`} />}
    >
      <p>
        To keep this automation in git, save it as <code>{file}</code> in your folder of automations. Then type{" "}
        <code>{`aichats apply FOLDER${adopt}`}</code>
      </p>
      <Managed automation={automation} />
      <ErrorNotice error={written.error} what="The definition can't be read" onRetry={written.reload} />
      {written.loading && <Loading what="the definition" />}
      {written.data && <Json value={written.data} label={file} />}
      <Terminal
        command={`aichats auto show ${quoted(name)} -o json`}
        request={curl("GET", `/automations/${name}?view=input`)}
      />
    </Section>
  );
}
