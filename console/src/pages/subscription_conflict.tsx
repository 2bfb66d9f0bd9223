import { type Draft, differences, draftOf } from "../model/subscription_draft";
import { When } from "../time";
import { Button } from "../ui/button";
import { Notice } from "../ui/state";
import { Text } from "../ui/text";
import type { SubscriptionRow } from "./subscription_words";

interface Properties {
  /** The subscription as it was when the form opened. */
  base: Draft;
  mine: Draft;
  newest: SubscriptionRow;
  onLoad(): void;
}

/** Someone else changed the subscription: who, what, and how to go on without losing either change. */
export function ConflictNotice({ base, mine, newest, onLoad }: Properties) {
  const theirs = differences(base, draftOf(newest));
  const own = differences(base, mine);
  const both = own.filter((name) => theirs.includes(name));
  return (
    <Notice
      kind="error"
      title="Nothing was saved, because the subscription has changed since you opened it"
      actions={<Button onClick={onLoad}>Load the new version, keep my changes</Button>}
    >
      <p>
        <Text>{newest.updated_by ?? "An API client"}</Text> changed {theirs.join(", ") || "it"} on{" "}
        <When at={newest.updated_at} />.{" "}
        {both.length > 0
          ? `You changed ${both.join(", ")} too, and yours is kept there. `
          : "You changed other fields, which are kept. "}
        Then check the form, and save again.
      </p>
    </Notice>
  );
}
