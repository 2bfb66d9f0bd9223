import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Subscription(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Subscription">
      <Empty title="This page is being built" />
    </Page>
  );
}
