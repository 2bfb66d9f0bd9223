import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Connections(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Connections">
      <Empty title="This page is being built" />
    </Page>
  );
}
