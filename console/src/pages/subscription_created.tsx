import type { Schemas } from "../api/client";
import { useSession } from "../session";
import { LinkButton } from "../ui/button";
import { Page } from "../ui/page";
import { Notice } from "../ui/state";
import { NewSecret } from "./subscription_secret";
import type { SubscriptionRow } from "./subscription_words";

/** A new subscription, with its secret. */
export function Created({ row }: { row: SubscriptionRow | Schemas["CreatedSubscription"] }) {
  const { can } = useSession();
  return (
    <Page title={`${row.name} is created`} description="New events are sent from now on.">
      {"secret" in row ? (
        <NewSecret secret={row.secret} />
      ) : (
        <Notice kind="warning" title="The secret can't be shown">
          <p>
            An earlier try created the subscription, but its answer with the secret was lost. Open {row.name}, and
            rotate the secret to get a new one.
          </p>
        </Notice>
      )}
      <div class="actions">
        <LinkButton kind="primary" to={`/subscriptions/${row.name}`}>
          {can("send_test_delivery") ? `Open ${row.name} and send a test event` : `Open ${row.name}`}
        </LinkButton>
      </div>
    </Page>
  );
}
