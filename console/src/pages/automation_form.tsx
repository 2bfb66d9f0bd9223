import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function AutomationForm(_: { parameters: Record<string, string> }) {
  return (
    <Page title="AutomationForm">
      <Empty title="This page is being built" />
    </Page>
  );
}
