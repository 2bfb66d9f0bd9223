// What a person can do with a subscription: send a test event, deliver events again, edit, disable and delete it.

import { useState } from "preact/hooks";
import { type Api, ApiError, isUncertain, read, type Schemas, take } from "../api/client";
import { type Action, useAction } from "../hooks";
import { bodyOf, draftOf } from "../model/subscription_draft";
import { useNavigation } from "../router";
import { useSession } from "../session";
import { formatTime, useZone } from "../time";
import { Button, LinkButton } from "../ui/button";
import { Confirm, Dialog } from "../ui/dialog";
import { ErrorNotice, Notice } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import { Facts, Id, Text } from "../ui/text";
import { useToast } from "../ui/toast";
import { RedeliverDialog } from "./subscription_redeliver";
import { adviceOn, hostOf, type SubscriptionRow } from "./subscription_words";

interface Properties {
  of: SubscriptionRow;
  onChanged(): Promise<void>;
}

type Open = "test" | "redeliver" | "enable" | "delete";

export function SubscriptionActions({ of, onChanged }: Properties) {
  const { can } = useSession();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  return (
    <>
      {can("send_test_delivery") && <Button onClick={() => setOpen("test")}>Send a test event</Button>}
      {can("start_redelivery") && of.enabled && (
        <Button onClick={() => setOpen("redeliver")}>Deliver events again…</Button>
      )}
      {can("put_subscription") && (
        <>
          <LinkButton to={`/subscriptions/${of.name}/edit`}>Edit</LinkButton>
          <Button onClick={() => setOpen("enable")}>{of.enabled ? "Disable…" : "Enable…"}</Button>
        </>
      )}
      {can("delete_subscription") && (
        <Button kind="danger" onClick={() => setOpen("delete")}>
          Delete…
        </Button>
      )}
      {open === "test" && <TestDialog of={of} onChanged={onChanged} onClose={close} />}
      {open === "redeliver" && <RedeliverDialog of={of} onClose={close} />}
      {open === "enable" && <EnableDialog of={of} onChanged={onChanged} onClose={close} />}
      {open === "delete" && <DeleteDialog of={of} onChanged={onChanged} onClose={close} />}
    </>
  );
}

interface DialogProperties extends Properties {
  onClose(): void;
}

function TestDialog({ of, onChanged, onClose }: DialogProperties) {
  const { api } = useSession();
  const [result, setResult] = useState<Schemas["ReceiverTest"] | null>(null);
  const path = `/subscriptions/${of.name}/test`;
  const test = useAction(() => read(api.POST("/subscriptions/{name}/test", { params: { path: { name: of.name } } })));
  const send = async (event: Event) => {
    event.preventDefault();
    setResult(null);
    const answer = await test.run();
    if (!answer) return;
    setResult(answer);
    await onChanged();
  };
  return (
    <Dialog title={`Test ${of.name}`} onClose={onClose}>
      <form onSubmit={send}>
        <p>
          aichats sends an event <code>subscription.test</code> to <Text>{hostOf(of.url)}</Text> now and waits for up to
          10 seconds. A test that fails changes nothing. If the receiver failed before and accepts the test, everything
          that waits is sent.
        </p>
        {result && <TestResult result={result} host={hostOf(of.url)} />}
        <ErrorNotice
          error={test.error}
          what={
            isUncertain(test.error)
              ? "The test event may have been sent, but there is no result"
              : "The test event was not sent"
          }
        />
        <Terminal command={`aichats notify test ${of.name}`} request={curl("POST", path)} />
        <div class="buttons">
          <Button onClick={onClose}>Close</Button>
          <Button type="submit" kind="primary" busy={test.pending}>
            {test.pending ? "Waiting for the answer…" : result ? "Send another test event" : "Send the test event"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function TestResult({ result, host }: { result: Schemas["ReceiverTest"]; host: string }) {
  const { delivered, status, seconds, error, event_id } = result;
  const title = delivered ? "The receiver accepted the test event" : "The receiver did not accept the test event";
  return (
    <Notice kind={delivered ? "success" : "error"} title={title}>
      {error && (
        <p>
          <Text>{error}</Text>. {adviceOn(status, error)}
        </p>
      )}
      <Facts
        items={[
          ["Receiver", <Text key="host">{host}</Text>],
          ["HTTP status", status],
          ["Duration", seconds === null ? null : `${seconds} s`],
          ["webhook-id", <Id key="id">{event_id}</Id>],
        ]}
      />
    </Notice>
  );
}

/** Change a subscription only if it is as the page shows it. */
function useGuarded<R>(of: SubscriptionRow, onChanged: () => Promise<void>, change: () => Promise<R>): Action<[], R> {
  const { api } = useSession();
  const { zone } = useZone();
  return useAction(async () => {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 412)) throw error;
      const words = await changeInWords(api, of.name, zone);
      await onChanged();
      throw new Error(words);
    }
  });
}

/** Return who changed a subscription and when, for a person whose change was rejected because of that. */
async function changeInWords(api: Api, name: string, zone: string): Promise<string> {
  const newest = await read(api.GET("/subscriptions/{name}", { params: { path: { name } } }));
  const by = newest.updated_by ?? "An API client";
  const at = formatTime(newest.updated_at, zone, "full");
  return `${by} changed ${name} on ${at}, after this page showed it. The page shows the new version now. Check it, and try again.`;
}

function EnableDialog({ of, onChanged, onClose }: DialogProperties) {
  const { api } = useSession();
  const toast = useToast();
  const enabled = !of.enabled;
  const body = bodyOf({ ...draftOf(of), enabled });
  const change = useGuarded(of, onChanged, () =>
    take(
      api.PUT("/subscriptions/{name}", { params: { path: { name: of.name }, header: { "If-Match": of.etag } }, body }),
    ),
  );
  const done = async () => {
    toast(`${enabled ? "Enabled" : "Disabled"} ${of.name}`);
    onClose();
    await onChanged();
  };
  const verb = `${enabled ? "Enable" : "Disable"} ${of.name}`;
  return (
    <Confirm
      title={`${verb}?`}
      verb={verb}
      action={change}
      failure={`${of.name} was not ${enabled ? "enabled" : "disabled"}`}
      onDone={done}
      onClose={onClose}
    >
      <p>
        {enabled
          ? "New events are sent from now on. Events that happened while it was disabled are not sent, unless you deliver them again."
          : "New events are not sent. Deliveries that wait fail when their time comes. You can deliver the events of the last 30 days again after you enable it."}
      </p>
      {of.format === "standard" && <Terminal command={null} request={curl("PUT", `/subscriptions/${of.name}`, body)} />}
    </Confirm>
  );
}

function DeleteDialog({ of, onChanged, onClose }: DialogProperties) {
  const { api } = useSession();
  const toast = useToast();
  const { go } = useNavigation();
  const header = { "If-Match": of.etag };
  const remove = useGuarded(of, onChanged, () =>
    take(api.DELETE("/subscriptions/{name}", { params: { path: { name: of.name }, header } })),
  );
  const done = () => {
    toast(`Deleted ${of.name}`);
    go("/subscriptions");
  };
  return (
    <Confirm
      title={`Delete ${of.name}?`}
      verb={`Delete ${of.name}`}
      danger
      action={remove}
      failure={`${of.name} was not deleted`}
      onDone={done}
      onClose={onClose}
    >
      <p>
        Nothing more is sent to <Text>{hostOf(of.url)}</Text>. Deliveries that wait are dropped, the list of deliveries
        is lost, and the secret is no longer valid. You can't undo this.
      </p>
      <Terminal command={`aichats notify remove ${of.name}`} request={curl("DELETE", `/subscriptions/${of.name}`)} />
    </Confirm>
  );
}
