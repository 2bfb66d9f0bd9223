// The secret with which a receiver verifies what it gets. It is shown once: after a creation or a rotation.

import { useRef, useState } from "preact/hooks";
import { isUncertain, newKey, read, type Schemas } from "../api/client";
import { useAction } from "../hooks";
import { useSession } from "../session";
import { When } from "../time";
import { Button, Copy } from "../ui/button";
import { Confirm } from "../ui/dialog";
import { Section } from "../ui/page";
import { Notice } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import type { SubscriptionRow } from "./subscription_words";

const GUIDE = "https://www.standardwebhooks.com";

/** A new secret, with what to do with it. */
export function NewSecret({ secret, until }: { secret: string; until?: string | null }) {
  return (
    <Notice kind="warning" title="Store this secret where your receiver can read it. It isn't shown again">
      <p class="secret">
        <code>{secret}</code> <Copy text={secret} label="Copy the secret" />
      </p>
      {until && (
        <p>
          Until <When at={until} />, each delivery is signed with this secret and with the one before.
        </p>
      )}
      <p>
        Anyone can send requests to your URL. Verify each delivery with the secret, as{" "}
        <a href={GUIDE}>Standard Webhooks</a> describes. In Python, install <code>standardwebhooks</code>:
      </p>
      <pre class="box">
        {"event = Webhook(secret).verify(body, headers)  # raises an error if you must not trust it"}
      </pre>
    </Notice>
  );
}

/** Whether a second secret is valid, and a button for a new secret. */
export function SecretSection({ of, onChanged }: { of: SubscriptionRow; onChanged(): Promise<void> }) {
  const { can } = useSession();
  const [asks, setAsks] = useState(false);
  const [rotated, setRotated] = useState<Schemas["RotatedSecret"] | null>(null);
  if (of.format === "slack" && !of.previous_secret_until) return null;
  const done = async (result: Schemas["RotatedSecret"]) => {
    setRotated(result);
    setAsks(false);
    await onChanged();
  };
  return (
    <Section
      title="Secret"
      actions={can("rotate_secret") && <Button onClick={() => setAsks(true)}>Rotate the secret…</Button>}
    >
      {rotated && <NewSecret secret={rotated.secret} until={rotated.previous_secret_until} />}
      {!rotated && of.previous_secret_until && (
        <p>
          The secret was rotated. Until <When at={of.previous_secret_until} />, the previous one signs too.
        </p>
      )}
      {!rotated && !of.previous_secret_until && (
        <p class="faint">
          Your receiver verifies each delivery with a secret. If you lost it, or if others know it, rotate it.
        </p>
      )}
      {asks && <RotateDialog of={of} onDone={done} onClose={() => setAsks(false)} />}
    </Section>
  );
}

interface RotateProperties {
  of: SubscriptionRow;
  onDone(result: Schemas["RotatedSecret"]): void;
  onClose(): void;
}

function RotateDialog({ of, onDone, onClose }: RotateProperties) {
  const { api } = useSession();
  // The same key for each press: a retry after a lost answer returns the secret that was created.
  const key = useRef(newKey());
  const params = { path: { name: of.name }, header: { "Idempotency-Key": key.current } };
  const rotate = useAction(() => read(api.POST("/subscriptions/{name}/rotate", { params })));
  return (
    <Confirm
      title={`Rotate the secret of ${of.name}?`}
      verb="Create a new secret"
      action={rotate}
      failure={
        isUncertain(rotate.error)
          ? "aichats may have rotated the secret. Try again: you get the same new secret"
          : "The secret was not rotated"
      }
      uncertain={null}
      onDone={onDone}
      onClose={onClose}
    >
      <p>
        aichats creates a new secret and shows it once. For 24 hours, each delivery is signed with both secrets, so
        nothing is lost while you store the new one at your receiver.
      </p>
      {of.previous_secret_until && (
        <p>
          <strong>There was a rotation less than 24 hours ago.</strong> The oldest secret, which would be valid until{" "}
          <When at={of.previous_secret_until} />, ends at once.
        </p>
      )}
      <Terminal
        command={`aichats notify rotate ${of.name}`}
        request={curl("POST", `/subscriptions/${of.name}/rotate`)}
      />
    </Confirm>
  );
}
