// What the form says besides its fields.

import { useState } from "preact/hooks";
import { ApiError, isUncertain } from "../api/client";
import { useLeaving } from "../router";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ErrorNotice, Notice } from "../ui/state";
import { Text } from "../ui/text";

/** A draft of this tab is shown again. */
export function Restored({ onDiscard }: { onDiscard(): void }) {
  return (
    <Notice title="This is what you typed before" actions={<Button onClick={onDiscard}>Discard it</Button>}>
      <p>It isn't saved yet. This tab keeps it until you save or discard it, or close the tab.</p>
    </Notice>
  );
}

/** Files in git own the automation. */
export function Managed({ by }: { by: string }) {
  if (!by) return null;
  return (
    <Notice kind="warning" title="Files manage this automation">
      <p>
        <code>aichats apply</code> writes it from <Text>{by}</Text>, and replaces what you change here. Change the file,
        too.
      </p>
    </Notice>
  );
}

/** What the API found odd. It doesn't prevent saving. */
export function Warnings({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <Notice kind="warning" title="You can save this, but look at it again">
      <ul>
        {warnings.map((warning) => (
          <li key={warning}>
            <Text>{warning}</Text>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

/** The form could not be checked, for a reason that is not in a field. */
export function Unchecked({ error }: { error: Error | null }) {
  if (error === null || (error instanceof ApiError && error.status < 500)) return null;
  return (
    <p class="hint" role="status">
      The form can't be checked now: {error.message} You can go on, and save it.
    </p>
  );
}

/** The automation is not saved for a reason that is not in a field, or the answer was lost. */
export function SaveError({ error, name }: { error: Error | null; name: string }) {
  const isUnsure = isUncertain(error);
  return (
    <>
      <ErrorNotice error={error} what={`${name} ${isUnsure ? "may be saved" : "is not saved"}`} />
      {error && (
        <p class="hint">
          Everything that you typed is still here.
          {isUnsure && " You can press the button again: that changes nothing a second time."}
        </p>
      )}
    </>
  );
}

/** After a person took the version of someone else. */
export function TookTheirs({ onUndo }: { onUndo(): void }) {
  return (
    <Notice title="You see their version now" actions={<Button onClick={onUndo}>Bring back mine</Button>}>
      <p>What you typed is kept until you leave this page.</p>
    </Notice>
  );
}

interface LeaveProperties {
  isChanged: boolean;
  onDiscard(): void;
  /** Gets a function that ends the question. */
  release: { current: () => void };
}

/** Asks before a person leaves a form that isn't saved. */
export function Leave({ isChanged, onDiscard, release }: LeaveProperties) {
  const [leave, setLeave] = useState<(() => void) | null>(null);
  release.current = useLeaving(isChanged ? (leaving) => setLeave(() => leaving) : null);
  if (!leave) return null;
  const go = (discard: boolean) => {
    if (discard) onDiscard();
    release.current();
    leave();
  };
  return (
    <Dialog title="Leave without saving?" onClose={() => setLeave(null)}>
      <p>The automation isn't saved. This tab can keep what you typed: you find it when you open this form again.</p>
      <div class="buttons">
        <Button kind="danger" onClick={() => go(true)}>
          Discard and leave
        </Button>
        <Button onClick={() => go(false)}>Keep the draft and leave</Button>
        <Button kind="primary" onClick={() => setLeave(null)}>
          Continue editing
        </Button>
      </div>
    </Dialog>
  );
}
