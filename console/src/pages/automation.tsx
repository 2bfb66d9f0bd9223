import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Automation(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Automation">
      <Empty title="This page is being built" />
    </Page>
  );
}
