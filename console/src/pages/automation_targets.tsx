import { useId, useState } from "preact/hooks";
import { type AutomationView, describeTargets, targetName } from "../model/automation_words";
import { Checkbox, TextField } from "../ui/form";
import { usePortion } from "../ui/portion";
import { Text } from "../ui/text";

interface Properties {
  automation: AutomationView;
  /** Null: all targets. */
  chosen: (string | null)[] | null;
  onChosen(chosen: (string | null)[] | null): void;
}

const FEW = 8;

/** A choice of all targets of an automation, or of some. */
export function TargetChoice({ automation, chosen, onChosen }: Properties) {
  const id = useId();
  const [search, setSearch] = useState("");
  const { targets } = automation;
  const found = targets.filter((target) => targetName(target).toLowerCase().includes(search.trim().toLowerCase()));
  const { shown, more } = usePortion(found, FEW, "targets");
  const toggle = (target: string | null, isChosen: boolean) => {
    const others = (chosen ?? []).filter((each) => each !== target);
    onChosen(isChosen ? [...others, target] : others);
  };
  return (
    <fieldset class="answers">
      <legend>For whom?</legend>
      <label>
        <input type="radio" name={id} checked={chosen === null} onChange={() => onChosen(null)} />
        <span>All {describeTargets(automation)}</span>
      </label>
      <label>
        <input type="radio" name={id} checked={chosen !== null} onChange={() => onChosen([])} />
        <span>Only some{chosen ? `: ${chosen.length} chosen` : ""}</span>
      </label>
      {chosen && (
        <div class="indented">
          {targets.length > FEW && <TextField label="Find a target" type="search" value={search} onValue={setSearch} />}
          {shown.map((target) => (
            <Checkbox
              key={target}
              label={<Text>{targetName(target)}</Text>}
              checked={chosen.includes(target)}
              onChecked={(isChosen) => toggle(target, isChosen)}
            />
          ))}
          {more}
        </div>
      )}
    </fieldset>
  );
}

/** The targets of an automation: the first ones, and all on demand. */
export function Targets({ automation }: { automation: AutomationView }) {
  const { shown, more } = usePortion(automation.targets, FEW, "targets");
  return (
    <>
      <ul class="tags">
        {shown.map((target) => (
          <li key={target}>
            <code>
              <Text>{targetName(target)}</Text>
            </code>
          </li>
        ))}
      </ul>
      {more}
    </>
  );
}
