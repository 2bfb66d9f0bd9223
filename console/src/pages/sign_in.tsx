import { useState } from "preact/hooks";
import { useAction } from "../hooks";
import { Button } from "../ui/button";
import { Checkbox, TextField } from "../ui/form";
import { Page } from "../ui/page";
import { ErrorNotice, Notice } from "../ui/state";

interface Properties {
  /** Why the person was signed out; null if that is what the person wanted. */
  reason: string | null;
  onSignIn(token: string, keep: boolean): Promise<void>;
}

export function SignIn({ reason, onSignIn }: Properties) {
  const [token, setToken] = useState("");
  const [keep, setKeep] = useState(false);
  const signIn = useAction(() => onSignIn(token.trim(), keep));
  const submit = (event: Event) => {
    event.preventDefault();
    void signIn.run();
  };
  return (
    <div class="sign-in">
      <Page title="Sign in" heading="Sign in to aichats">
        {reason && !signIn.error && (
          <Notice kind="warning" title="You are signed out">
            {<p>{reason}</p>}
          </Notice>
        )}
        <form onSubmit={submit}>
          <TextField
            label="Token of an API client"
            hint={
              <>
                To create one, type <code>aichats admin callers add NAME --scopes …</code>
              </>
            }
            type="password"
            name="token"
            required
            maxLength={512}
            code
            value={token}
            onValue={setToken}
          />
          <Checkbox
            label="Stay signed in until this tab is closed"
            hint="Otherwise the token is forgotten when you reload the page."
            checked={keep}
            onChecked={setKeep}
          />
          <ErrorNotice error={signIn.error} what="You can't sign in with this token" />
          <div class="buttons">
            <Button type="submit" kind="primary" busy={signIn.pending}>
              {signIn.pending ? "Signing in…" : "Sign in"}
            </Button>
          </div>
        </form>
      </Page>
    </div>
  );
}
