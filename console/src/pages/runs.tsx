import { Page } from "../ui/page";
import { Empty } from "../ui/state";

export function Runs(_: { parameters: Record<string, string> }) {
  return (
    <Page title="Runs">
      <Empty title="This page is being built" />
    </Page>
  );
}
