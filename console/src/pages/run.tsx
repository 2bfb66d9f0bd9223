import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Run(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Run">
      <Empty title="This page is being built" />
    </Page>
  );
}
