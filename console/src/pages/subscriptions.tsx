import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Subscriptions(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Subscriptions">
      <Empty title="This page is being built" />
    </Page>
  );
}
