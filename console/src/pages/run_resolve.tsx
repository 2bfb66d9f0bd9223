// The question that only a person can answer: was a run with an unknown outcome performed?

import { useState } from "preact/hooks";
import { problemAt, read, type Schemas } from "../api/client";
import { useAction } from "../hooks";
import { useSession } from "../session";
import { Confirm } from "../ui/dialog";
import { TextField } from "../ui/form";
import { curl, quoted, Terminal } from "../ui/terminal";
import { providerOf } from "./run_advice";
import { HowToLook } from "./run_candidates";
import type { RunDetails } from "./run_story";

const CHAT_ID = /^aich_[A-Za-z0-9_-]{1,100}$/;

type Answer = "" | "succeeded" | "failed";

/** The answer as the person gives it. */
interface Given {
  readonly answer: Answer;
  readonly chat: string;
  readonly reason: string;
}

interface Properties {
  run: RunDetails;
  onClose(): void;
  onDone(run: Schemas["RunView"]): void;
}

/** Asks for the outcome of a run, and records the answer. */
export function ResolveDialog({ run, onClose, onDone }: Properties) {
  const { api } = useSession();
  const [given, setGiven] = useState<Given>({ answer: "", chat: run.chat_id ?? "", reason: "" });
  const body = bodyOf(given);
  const action = useAction(() =>
    read(api.POST("/runs/{run_id}/resolve", { params: { path: { run_id: run.run_id } }, body })),
  );
  const problem = problemAt(action.error, "chat_id");
  return (
    <Confirm
      title={questionAbout(run)}
      verb={given.answer === "failed" ? "Record that it didn't happen" : "Record that it happened"}
      action={action}
      failure="The answer is not recorded"
      disabled={!isComplete(run, given)}
      onClose={onClose}
      onDone={onDone}
    >
      <HowToLook run={run} onFound={(chat) => setGiven({ ...given, answer: "succeeded", chat })} />
      <Answers run={run} given={given} problem={problem} onGiven={setGiven} />
      <p class="hint">
        If you aren't sure, close this and replay the run: aichats looks for the chat before it creates one.
      </p>
      <Terminal
        command={commandOf(run, given)}
        request={curl("POST", `/runs/${run.run_id}/resolve`, withoutNull(body))}
      />
    </Confirm>
  );
}

function bodyOf({ answer, chat, reason }: Given) {
  return answer === "failed"
    ? { outcome: "failed" as const, chat_id: null, reason: reason.trim() || null }
    : { outcome: "succeeded" as const, chat_id: chat.trim(), reason: null };
}

function isComplete(run: RunDetails, { answer, chat }: Given): boolean {
  return answer === "failed" || (answer === "succeeded" && chat.trim() !== "" && formProblem(run, chat) === null);
}

function formProblem(run: RunDetails, chat: string): string | null {
  return chat.trim() !== "" && run.action.startsWith("whop.") && !CHAT_ID.test(chat.trim()) ? FORM : null;
}

function commandOf(run: RunDetails, { answer, chat, reason }: Given): string {
  const why = reason.trim() ? ` --reason ${quoted(reason.trim())}` : "";
  const found = answer === "failed" ? `--failed${why}` : `--succeeded --chat ${quoted(chat.trim() || "CHAT")}`;
  return `aichats runs resolve ${run.run_id} ${found}`;
}

interface AnswersProperties {
  run: RunDetails;
  given: Given;
  problem: string | null;
  onGiven(given: Given): void;
}

function Answers({ run, given, problem, onGiven }: AnswersProperties) {
  const { answer, chat, reason } = given;
  const choose = (chosen: Answer) => onGiven({ ...given, answer: chosen });
  return (
    <fieldset class="run-choices">
      <legend class="hidden">Your answer</legend>
      <Choice value="succeeded" answer={answer} onChoose={choose} text="Yes, it did">
        The run becomes “succeeded”. aichats sends nothing again.
      </Choice>
      {answer === "succeeded" && (
        <TextField
          label="Id of the chat"
          code
          required
          placeholder={run.action.startsWith("whop.") ? "aich_…" : ""}
          value={chat}
          onValue={(value) => onGiven({ ...given, chat: value })}
          error={formProblem(run, chat) ?? problem}
        />
      )}
      <Choice value="failed" answer={answer} onChoose={choose} text="No, it did not">
        The run becomes “failed”. You can replay it then.
      </Choice>
      {answer === "failed" && (
        <TextField
          label="Reason (optional)"
          maxLength={200}
          value={reason}
          onValue={(value) => onGiven({ ...given, reason: value })}
          hint="The run shows it."
        />
      )}
    </fieldset>
  );
}

const FORM = "The id of a Whop chat begins with aich_, followed by letters and digits.";
const QUESTIONS: Record<string, string> = {
  "whop.create_chat": "create the chat",
  "kodey.create_chat": "create the chat",
  "whop.update_chat": "change the chat",
  "kodey.send_message": "get the message",
};

function questionAbout(run: RunDetails): string {
  return `Did ${providerOf(run)} ${QUESTIONS[run.action] ?? "do it"}?`;
}

function withoutNull(body: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(body).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

interface ChoiceProperties {
  value: Answer;
  answer: Answer;
  text: string;
  onChoose(answer: Answer): void;
  children: preact.ComponentChildren;
}

function Choice({ value, answer, text, onChoose, children }: ChoiceProperties) {
  return (
    <div class="check">
      <input
        type="radio"
        name="outcome"
        id={`outcome-${value}`}
        aria-describedby={`outcome-${value}-hint`}
        checked={answer === value}
        onChange={() => onChoose(value)}
      />
      <div>
        <label for={`outcome-${value}`}>{text}</label>
        <p class="hint" id={`outcome-${value}-hint`}>
          {children}
        </p>
      </div>
    </div>
  );
}
