import type { AutomationView, Deed } from "../model/automation_words";
import { ChangeEnabled, DeleteAutomation } from "./automation_change";
import { PauseDialog } from "./automation_pause";
import { ResumeDialog } from "./automation_resume";
import { RunDialog } from "./automation_run";

export interface DeedProperties {
  automation: AutomationView;
  /** Called after the automation, or what it does, has changed. */
  onChanged(): void;
  onClose(): void;
}

/** The question before something is done with an automation. */
export function DeedDialog({ deed, ...rest }: DeedProperties & { deed: Deed }) {
  switch (deed) {
    case "run":
      return <RunDialog {...rest} />;
    case "pause":
      return <PauseDialog {...rest} />;
    case "resume":
      return <ResumeDialog {...rest} />;
    case "enable":
    case "disable":
      return <ChangeEnabled {...rest} enabled={deed === "enable"} />;
    case "delete":
      return <DeleteAutomation {...rest} />;
  }
}
