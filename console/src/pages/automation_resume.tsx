import { read } from "../api/client";
import { useAction } from "../hooks";
import type { AutomationView } from "../model/automation_words";
import { useSession } from "../session";
import { Confirm } from "../ui/dialog";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { useToast } from "../ui/toast";
import type { DeedProperties } from "./automation_deeds";

/** Asks before the pauses of an automation that are effective now are ended. */
export function ResumeDialog({ automation, onChanged, onClose }: DeedProperties) {
  const { api } = useSession();
  const toast = useToast();
  const { name, paused } = automation;
  const resume = useAction(() => read(api.POST("/automations/{name}/resume", { params: { path: { name } } })));
  const done = (changed: AutomationView) => {
    toast(changed.state === "active" ? `Resumed ${name}` : `Ended the pauses of ${name}. It is ${changed.state}`);
    onChanged();
    onClose();
  };
  return (
    <Confirm
      title={`Resume ${name}?`}
      verb={`Resume ${name}`}
      action={resume}
      failure={`${name} is not resumed`}
      onDone={done}
      onClose={onClose}
    >
      {paused?.reason && paused.by !== "budget" && (
        <p>
          It is paused because: <Text>{paused.reason}</Text>
        </p>
      )}
      {paused?.by === "budget" && (
        <p>
          <strong>Its budget is used up.</strong> If you resume, the budget has no limit until its period ends.
        </p>
      )}
      <p>All pauses that are effective now end. {SKIPPED[automation.trigger.type]}</p>
      <Terminal command={`aichats auto resume ${quoted(name)}`} request={curl("POST", `/automations/${name}/resume`)} />
    </Confirm>
  );
}

const SKIPPED = {
  schedule: "Times that were skipped stay skipped.",
  webhook: "Runs of events that came during the pause stay skipped. You can replay them.",
};

interface PlannedProperties extends DeedProperties {
  /** When the planned pause begins. */
  from: string;
}

/** Asks before a planned pause is removed. */
export function RemovePlannedPause({ automation, from, onChanged, onClose }: PlannedProperties) {
  const { api } = useSession();
  const toast = useToast();
  const { name } = automation;
  const body = { from };
  const remove = useAction(() => read(api.POST("/automations/{name}/resume", { params: { path: { name } }, body })));
  const done = () => {
    toast(`Removed the planned pause of ${name}`);
    onChanged();
    onClose();
  };
  return (
    <Confirm
      title={`Remove the planned pause of ${name}?`}
      verb="Remove the planned pause"
      action={remove}
      failure="The planned pause is not removed"
      onDone={done}
      onClose={onClose}
    >
      <p>{name} then runs at the times of this pause.</p>
      <Terminal
        command={`aichats auto resume ${quoted(name)} --from ${from}`}
        request={curl("POST", `/automations/${name}/resume`, body)}
      />
    </Confirm>
  );
}
