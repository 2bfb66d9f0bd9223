import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Usage(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Usage">
      <Empty title="This page is being built" />
    </Page>
  );
}
