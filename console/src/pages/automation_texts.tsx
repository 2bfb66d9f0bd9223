import { useState } from "preact/hooks";
import { problemAt, read } from "../api/client";
import { useQuery, useSettled } from "../hooks";
import { type AutomationView, zoneOf } from "../model/automation_words";
import { instantOf } from "../model/zoned";
import { useSession } from "../session";
import { Select } from "../ui/form";
import { Section } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { WhenField } from "../ui/when";
import { formatInZone, ZonedTime } from "../ui/zoned_time";
import { Rendered } from "./automation_rendered";

const OTHER = "other";

/** What an automation with a schedule sends at one of its times. Nothing is sent. */
export function Texts({ automation }: { automation: AutomationView }) {
  const { api, can } = useSession();
  const zone = zoneOf(automation) ?? "UTC";
  const { name, etag } = automation;
  const [choice, setChoice] = useState("");
  const [local, setLocal] = useState("");
  const instant = useSettled(instantOf(local, zone), 400);
  const at = choice === OTHER ? instant && new Date(instant).toISOString() : choice;
  const preview = useQuery(`texts of ${name} ${etag} ${at}`, async () => {
    const found = at
      ? await read(api.POST("/automations/preview", { body: { ...automation, warnings: null, at, event: null } }))
      : await read(api.GET("/automations/{name}/preview", { params: { path: { name }, query: { render: true } } }));
    if (Array.isArray(found)) throw new Error("The answer has no texts.");
    return found;
  });
  const isTooEarly = choice === OTHER && !at;
  return (
    <Section title="What it sends">
      <p class="faint">Nothing is sent. These are the texts of each run, exactly as aichats fills them in.</p>
      {can("preview_schedule") && (
        <div class="filters">
          <Select
            label="At"
            value={choice}
            onValue={setChoice}
            options={[["", "The next time"], ...timeOptions(automation, zone), [OTHER, "Another time"]]}
          />
          {choice === OTHER && (
            <WhenField
              label="Time"
              zone={zone}
              value={local}
              onValue={setLocal}
              error={problemAt(preview.error, "at")}
            />
          )}
        </div>
      )}
      <ErrorNotice error={preview.error} what="The texts can't be shown" onRetry={preview.reload} />
      {preview.loading && <Loading what="the texts" />}
      {!isTooEarly && preview.data && (
        <>
          {preview.data.at ? (
            <p class="beside">
              For <ZonedTime at={preview.data.at} zone={zone} />
            </p>
          ) : (
            <Empty title="It has no next time">
              <p>Choose another time to see the texts.</p>
            </Empty>
          )}
          {preview.data.at && <Rendered key={at} preview={preview.data} />}
        </>
      )}
      <Terminal
        command={`aichats auto render ${quoted(name)}${at ? ` --at ${at}` : ""}`}
        request={curl("GET", `/automations/${name}/preview?render=true`)}
      />
    </Section>
  );
}

function timeOptions(automation: AutomationView, zone: string): [string, string][] {
  return automation.next.slice(1).map(({ utc }) => [utc, formatInZone(utc, zone)]);
}
