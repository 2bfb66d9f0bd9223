// The second step of the form: what the automation does.

import type { ActionType, Draft } from "../model/draft";
import { useSession } from "../session";
import { Checkbox, Select, TextArea, TextField } from "../ui/form";
import { Notice } from "../ui/state";
import { Choices, type EditProperties, fieldId, Step } from "./form_fields";
import { FormFiles } from "./form_files";
import { FormInsert } from "./form_insert";

const TYPES: readonly (readonly [ActionType, string, string])[] = [
  ["whop.create_chat", "Create an AI chat in Whop", "with a message to its agent"],
  ["whop.update_chat", "Change AI chats in Whop", "their notifications, title or company"],
  ["kodey.create_chat", "Create a chat in Kodey", "with a message to an agent"],
  ["kodey.send_message", "Send a message in Kodey", "to an existing chat"],
];
const NEW_CHAT: readonly (readonly [string, string])[] = [
  ["", "As Whop does it by default"],
  ["all", "Notify about every message"],
  ["none", "Mute the chat"],
];
const KNOWN_CHAT: readonly (readonly [string, string])[] = [
  ["", "Leave as they are"],
  ["all", "Notify about every message"],
  ["none", "Mute the chats"],
];
const AGENTS: readonly (readonly [string, string])[] = [
  ["", "Whop's default"],
  ["general", "general"],
  ["support", "support"],
];

export function FormAction(edit: EditProperties) {
  const { me } = useSession();
  const { type } = edit.draft;
  // A client with a limit may only create chats for its companies.
  const types = TYPES.filter(([each]) => me.companies === null || each === "whop.create_chat" || each === type);
  return (
    <Step number={2} title="What does it do?">
      {types.length > 1 && (
        <Choices
          legend="Action"
          name="action"
          value={type}
          options={types}
          onValue={(chosen) => edit.change({ type: chosen })}
        />
      )}
      {type === "whop.update_chat" ? <Change {...edit} /> : <Message {...edit} />}
      {type === "whop.create_chat" && <NewChat {...edit} />}
      {type === "kodey.create_chat" && (
        <TextField
          label="User (optional)"
          id={fieldId("action.user_id")}
          hint="Kodey's user, to whom the chats belong."
          maxLength={256}
          code
          value={edit.draft.userId}
          onValue={(userId) => edit.change({ userId })}
          error={edit.problem("action.user_id")}
        />
      )}
    </Step>
  );
}

function Message({ draft, change, problem }: EditProperties) {
  const field = draft.type === "kodey.send_message" ? "action.content" : "action.message_text";
  return (
    <>
      {draft.type === "whop.create_chat" && (
        <TextField
          label="Title (optional)"
          id={fieldId("action.title")}
          maxLength={500}
          value={draft.title}
          onValue={(title) => change({ title })}
          error={problem("action.title")}
        />
      )}
      <TextArea
        label="Message"
        id={fieldId(field)}
        hint="The agent answers it as if a person had written it."
        rows={7}
        value={draft.message}
        onValue={(message) => change({ message })}
        error={problem(field)}
      />
      <FormInsert
        when={draft.when}
        fields={draft.type === "whop.create_chat" ? [field, "action.title"] : [field]}
        onInsert={(into, value) => change(into === "action.title" ? { title: value } : { message: value })}
      />
    </>
  );
}

function NewChat(edit: EditProperties) {
  const { draft, change, problem } = edit;
  return (
    <>
      <div class="form-row">
        <Notifications {...edit} options={NEW_CHAT} label="Notifications" />
        <Select
          label="Agent"
          id={fieldId("action.agent_identifier")}
          value={draft.agent}
          options={AGENTS}
          onValue={(agent) => change({ agent })}
          error={problem("action.agent_identifier")}
        />
      </div>
      <Checkbox
        label="Wait for the reply of the agent"
        hint="Then each run shows whether and when the agent replied."
        checked={draft.awaitReply}
        onChecked={(awaitReply) => change({ awaitReply })}
      />
      <FormFiles {...edit} />
    </>
  );
}

function Change(edit: EditProperties) {
  const { draft, change, problem } = edit;
  const action = problem("action");
  return (
    <>
      {action && !/^(title|company_id|notification_preference)/.test(action) && (
        <Notice kind="error" title="Nothing would change">
          <p>{action}</p>
        </Notice>
      )}
      <Notifications {...edit} options={KNOWN_CHAT} label="Notifications" />
      <TextField
        label="New title (optional)"
        id={fieldId("action.title")}
        maxLength={500}
        value={draft.title}
        onValue={(title) => change({ title })}
        error={problem("action.title")}
      />
      <TextField
        label="Move to the company (optional)"
        id={fieldId("action.company_id")}
        hint="The id of a company, such as biz_XXXXX."
        code
        value={draft.companyId}
        onValue={(companyId) => change({ companyId })}
        error={problem("action.company_id")}
      />
    </>
  );
}

interface NotificationsProperties extends EditProperties {
  label: string;
  options: readonly (readonly [string, string])[];
}

function Notifications({ draft, change, problem, label, options }: NotificationsProperties) {
  return (
    <Select
      label={label}
      id={fieldId(draft.type === "whop.update_chat" ? "action" : "action.notification_preference")}
      value={draft.notifications}
      options={options}
      onValue={(notifications: Draft["notifications"]) => change({ notifications })}
      error={problem("action.notification_preference")}
    />
  );
}
