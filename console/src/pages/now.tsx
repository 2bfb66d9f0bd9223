import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Now(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Now">
      <Empty title="This page is being built" />
    </Page>
  );
}
