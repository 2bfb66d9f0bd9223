import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { isUncertain } from "../api/client";
import type { Action } from "../hooks";
import { Button } from "./button";
import { ErrorNotice } from "./state";

interface Properties {
  title: string;
  onClose(): void;
  children: ComponentChildren;
}

/** A modal dialog. Escape closes it, and the focus returns to where it was. Render it only while it is open. */
export function Dialog({ title, onClose, children }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next key is pressed: otherwise the dialog takes the focus from what the person has reached meanwhile.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** The result of an action, with a button that closes it. */
export function ResultDialog({ children, ...properties }: Properties) {
  return (
    <Dialog {...properties}>
      {children}
      <div class="buttons">
        <Button kind="primary" onClick={properties.onClose}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

interface ConfirmProperties<R> {
  title: string;
  /** The button, such as "Replay 12 runs". */
  verb: string;
  danger?: boolean;
  action: Action<[], R>;
  /** The button that closes the question, if "Cancel" could be taken for the action. */
  dismiss?: string;
  /** What failed if the action fails, such as "The run is not replayed". */
  failure: string;
  /** What a person should know if the action may have been performed, although it failed. Null: nothing. */
  uncertain?: string | null;
  onDone(result: R): void;
  onClose(): void;
  children?: ComponentChildren;
  disabled?: boolean;
}

/** A question before an action. If the action fails, the dialog stays open, with everything that was typed. */
export function Confirm<R>(properties: ConfirmProperties<R>) {
  const { title, verb, danger, action, failure, onDone, onClose, children, disabled, dismiss = "Cancel" } = properties;
  const { uncertain = "It may be done all the same, because there was no complete answer." } = properties;
  const perform = async (event: Event) => {
    event.preventDefault();
    const result = await action.run();
    if (result !== undefined) onDone(result);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={perform}>
        {children}
        <ErrorNotice error={action.error} what={failure} />
        {isUncertain(action.error) && uncertain && <p>{uncertain}</p>}
        <div class="buttons">
          <Button onClick={onClose}>{dismiss}</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} busy={action.pending} disabled={disabled ?? false}>
            {action.pending ? "Please wait…" : verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
