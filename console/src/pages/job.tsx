import { useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { amount, count } from "../model/words";
import { Link } from "../router";
import { useSession } from "../session";
import { Time } from "../time";
import { LinkButton } from "../ui/button";
import { Page, Section } from "../ui/page";
import { ErrorNotice, Loading, Notice } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import { Facts, Id, Text } from "../ui/text";
import { VERBS } from "./runs_bulk";
import { filtersOf, pathOf } from "./runs_query";

const EVERY_MS = 2_000;

type JobView = Schemas["JobView"];

/** A job that replays or cancels many runs, and how far it is. */
export function Job({ parameters: { id: job_id = "" } }: { parameters: Record<string, string> }) {
  const { api } = useSession();
  const [isDone, setIsDone] = useState(false);
  const job = useQuery(
    `job ${job_id}`,
    async () => {
      const found = await read(api.GET("/jobs/{job_id}", { params: { path: { job_id } } }));
      setIsDone(found.is_done);
      return found;
    },
    isDone ? undefined : EVERY_MS,
  );
  const title = job.data ? `${VERBS[job.data.verb].name} ${count(job.data.count, "run")}` : "Job";
  return (
    <Page title={title} description="A job changes many runs. It goes on, even if you close this page.">
      <ErrorNotice error={job.error} what="The job can't be read" onRetry={job.reload} />
      {job.loading && <Loading what="the job" />}
      {job.data && <Progress job={job.data} />}
      {job.data && <About job={job.data} />}
      <Terminal command={`aichats runs job ${job_id} --wait`} request={curl("GET", `/jobs/${job_id}`)} />
    </Page>
  );
}

function Progress({ job }: { job: JobView }) {
  const handled = job.done + job.left;
  const { done } = VERBS[job.verb];
  return (
    <Section title={job.is_done ? "Done" : "In progress"}>
      <div class="progress">
        <progress
          max={Math.max(job.count, 1)}
          value={job.is_done ? Math.max(job.count, 1) : handled}
          aria-label="Progress"
        />
        <span role="status">
          {`${amount(job.done)} of ${count(job.count, "run")} ${done}`}
          {job.left > 0 && `, ${amount(job.left)} left as before`}
        </span>
      </div>
      {job.left > 0 && (
        <p class="faint">
          A run is left as before if it changed meanwhile, or can't be {done}. To see why, open it and {job.verb} it.
        </p>
      )}
      {job.has_more && (
        <Notice kind="warning" title="More runs may match than this job has">
          <p>When the job is done, select all that match again. A run that was {done} no longer matches.</p>
        </Notice>
      )}
      {job.is_done && job.verb === "replay" && job.done > 0 && (
        <p>
          The replayed runs are performed now. Some of them may fail again:{" "}
          <Link to="/runs?status=failed,unknown">show the failed and unknown runs</Link>.
        </p>
      )}
      <div class="actions">
        <LinkButton to={job.verb === "replay" ? "/runs?status=pending,performing" : "/runs?status=cancelled"}>
          {job.verb === "replay" ? "Show the open runs" : "Show the cancelled runs"}
        </LinkButton>
        <LinkButton to={runsOf(job)}>Show the runs that still match</LinkButton>
      </div>
    </Section>
  );
}

function About({ job }: { job: JobView }) {
  return (
    <Section title="About this job">
      <Facts
        items={[
          ["Started by", <Text>{job.by}</Text>],
          ["Started", <Time at={job.created_at} style="full" />],
          ["Job", <Id>{job.job_id}</Id>],
          ...Object.entries(job.filter).flatMap(([name, value]): [string, preact.ComponentChildren][] =>
            value === null ? [] : [[`Filter: ${name}`, <Value name={name} value={value} />]],
          ),
        ]}
      />
    </Section>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  return /(since|until)$/.test(name) ? <Time at={text} /> : <Text>{text}</Text>;
}

function runsOf(job: JobView): string {
  const given = Object.entries(job.filter).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]]));
  return pathOf(filtersOf(new URLSearchParams(given)));
}
