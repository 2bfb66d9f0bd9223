import { useEffect, useId, useRef, useState } from "preact/hooks";
import { count } from "../model/words";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { MatchingDialog, VERBS } from "./runs_bulk";
import { CHANGEABLE, type Filters, isChangeable, type Verb, type Window } from "./runs_query";
import { SelectedDialog } from "./runs_selected";
import type { Row } from "./runs_table";

interface Properties {
  shown: readonly Row[];
  selected: readonly Row[];
  filters: Filters;
  window: Window | null;
  onSelectAll(all: boolean): void;
  onChanged(): void;
}

/** Replay and cancel: the selected runs or, if none is selected, all that match the filters. */
export function RunActions({ shown, selected, filters, window, onSelectAll, onChanged }: Properties) {
  const { can } = useSession();
  const [asking, setAsking] = useState<Verb | null>(null);
  const isAboutSelected = useRef(false);
  const verbs = (["replay", "cancel"] as const).filter((verb) => can(`${verb}_run`, `${verb}_runs`, "get_job"));
  // The result of a change stays, even if no run is left in the list.
  if (verbs.length === 0 || (shown.length === 0 && asking === null)) return null;
  const ask = (verb: Verb) => {
    isAboutSelected.current = selected.length > 0;
    setAsking(verb);
  };
  const close = () => setAsking(null);
  const changed = () => {
    onSelectAll(false);
    onChanged();
  };
  return (
    <section class="selection" aria-label="Selected runs">
      <SelectAll shown={shown.length} selected={selected.length} onSelectAll={onSelectAll} />
      {selected.length > 0 && (
        <Button kind="quiet" onClick={() => onSelectAll(false)}>
          Select none
        </Button>
      )}
      {selected.length > 0 && !selected.some((run) => verbs.some((verb) => isChangeable(verb, run.status))) && (
        <span class="faint">None of them can be {verbs.map((verb) => VERBS[verb].done).join(" or ")}.</span>
      )}
      <div class="actions">
        {verbs.map((verb) => (
          <VerbButton key={verb} verb={verb} selected={selected} filters={filters} onClick={() => ask(verb)} />
        ))}
      </div>
      {asking && isAboutSelected.current && (
        <SelectedDialog verb={asking} rows={selected} onClose={close} onChanged={changed} />
      )}
      {asking && !isAboutSelected.current && (
        <MatchingDialog verb={asking} filters={filters} window={window} shown={shown} onClose={close} />
      )}
    </section>
  );
}

interface SelectProperties {
  shown: number;
  selected: number;
  onSelectAll(all: boolean): void;
}

function SelectAll({ shown, selected, onSelectAll }: SelectProperties) {
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  const isPart = selected > 0 && selected < shown;
  useEffect(() => {
    if (box.current) box.current.indeterminate = isPart;
  }, [isPart]);
  return (
    <div class="check">
      <input
        ref={box}
        id={id}
        type="checkbox"
        checked={selected === shown}
        onChange={(event) => onSelectAll(event.currentTarget.checked)}
      />
      <label for={id}>{selected > 0 ? `${selected} of ${shown} selected` : `Select all ${shown} shown`}</label>
    </div>
  );
}

interface ButtonProperties {
  verb: Verb;
  selected: readonly Row[];
  filters: Filters;
  onClick(): void;
}

function VerbButton({ verb, selected, filters, onClick }: ButtonProperties) {
  const { name } = VERBS[verb];
  const { usual, others } = CHANGEABLE[verb];
  if (selected.length > 0) {
    const number = selected.filter((run) => isChangeable(verb, run.status)).length;
    return number === 0 ? null : <Button onClick={onClick}>{`${name} ${count(number, "run")}…`}</Button>;
  }
  const possible = [...usual, ...others].some((each) => filters.statuses.includes(each));
  if (filters.statuses.length > 0 && !possible) return null;
  return <Button onClick={onClick}>{`${name} all that match…`}</Button>;
}
