import { useState } from "preact/hooks";
import { useAction } from "../hooks";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Checkbox, TextField } from "../ui/form";
import { Page } from "../ui/page";
import { ErrorNotice, Notice } from "../ui/state";
import { Command } from "../ui/terminal";
import { Text } from "../ui/text";

/** The scopes with which a person sees and steers everything. */
const ALL_SCOPES = [
  "automations:read",
  "automations:write",
  "chats:read",
  "chats:write",
  "messages:read",
  "runs:read",
  "runs:write",
  "subscriptions:read",
  "subscriptions:write",
];

interface Properties {
  onSignIn(token: string, keep: boolean): Promise<void>;
}

/** The page for people who are not signed in. `reason` says why the API rejected their token, if it did. */
export function SignIn({ reason, onSignIn }: Properties & { reason: string | null }) {
  return (
    <div class="sign-in">
      <Page title="Sign in" heading="Sign in to aichats">
        {reason !== null && (
          <Notice kind="warning" title="You are signed out">
            <p>{reason}</p>
          </Notice>
        )}
        <Form onSignIn={onSignIn} />
        <AboutTokens />
      </Page>
    </div>
  );
}

interface AgainProperties extends Properties {
  /** The client that was signed in. */
  name: string;
  /** True if this tab kept the token. */
  keep: boolean;
  reason: string;
  onSignOut(): void;
}

/** The form over the pages, which stay as they are. Only signing in or out closes it. */
export function SignInAgain({ name, keep, reason, onSignIn, onSignOut }: AgainProperties) {
  // A browser closes a dialog if Escape is pressed twice. Then a new one opens.
  const [opened, setOpened] = useState(0);
  const [token, setToken] = useState("");
  return (
    <Dialog key={opened} title="Sign in again" onClose={() => setOpened(opened + 1)}>
      <div class="sign-in-again">
        <p>
          The API no longer accepts the token of <Text>{name}</Text>: {reason}
        </p>
        <p>Everything that you typed is still on the page.</p>
        <Form onSignIn={onSignIn} keep={keep} token={token} onToken={setToken} onSignOut={onSignOut} />
      </div>
    </Dialog>
  );
}

/** The page if the API did not answer, so the kept token may still be valid. */
export function NoAnswer(properties: { error: Error; onRetry(): void; onSignOut(): void }) {
  const { error, onRetry, onSignOut } = properties;
  return (
    <div class="sign-in">
      <Page title="No answer" heading="The stack can't be reached">
        <ErrorNotice error={error} what="The API did not check your token" onRetry={onRetry} />
        <div class="buttons">
          <Button onClick={onSignOut}>Sign in with another token</Button>
        </div>
      </Page>
    </div>
  );
}

interface FormProperties extends Properties {
  keep?: boolean;
  token?: string;
  onToken?(token: string): void;
  onSignOut?(): void;
}

function Form({ onSignIn, onSignOut, ...properties }: FormProperties) {
  const [own, setOwn] = useState("");
  const { token = own, onToken = setOwn } = properties;
  const [keep, setKeep] = useState(properties.keep ?? false);
  const [shown, setShown] = useState(false);
  const signIn = useAction(() => onSignIn(token.trim(), keep));
  const submit = (event: Event) => {
    event.preventDefault();
    void signIn.run();
  };
  return (
    <form onSubmit={submit}>
      <div class="token-field">
        <TextField
          label="Token of an API client"
          hint="Sent only to this stack."
          type={shown ? "text" : "password"}
          name="token"
          required
          maxLength={512}
          code
          value={token}
          onValue={onToken}
        />
        <Button onClick={() => setShown(!shown)}>{shown ? "Hide token" : "Show token"}</Button>
      </div>
      <Checkbox
        label="Stay signed in until this tab is closed"
        hint="Otherwise the token is forgotten when you reload the page."
        checked={keep}
        onChecked={setKeep}
      />
      <ErrorNotice error={signIn.error} what="You can't sign in with this token" />
      <div class="buttons">
        {onSignOut && <Button onClick={onSignOut}>Sign out and discard what I typed</Button>}
        <Button type="submit" kind="primary" busy={signIn.pending}>
          {signIn.pending ? "Signing in…" : "Sign in"}
        </Button>
      </div>
    </form>
  );
}

function AboutTokens() {
  const create = (scopes: string[]) => `aichats admin callers add console --scopes ${scopes.join(",")} --expires 90d`;
  return (
    <details class="terminal">
      <summary>How to get a token</summary>
      <p>
        An administrator of the stack creates an API client, whose scopes say what it may do: <code>read</code> to see,{" "}
        <code>write</code> to change. The console offers only what the scopes of its client allow.
      </p>
      <Command name="To see and change everything:" text={create(ALL_SCOPES)} />
      <Command
        name="Only to see:"
        text={create(ALL_SCOPES.filter((scope) => scope.endsWith(":read") && scope !== "messages:read"))}
      />
    </details>
  );
}
