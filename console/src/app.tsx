import type { ComponentType } from "preact";
import { useEffect, useErrorBoundary, useState } from "preact/hooks";
import { asError } from "./hooks";
import { AttentionProvider, useSources } from "./model/attention";
import { StackPauseProvider } from "./model/pause";
import { Automation } from "./pages/automation";
import { AutomationForm } from "./pages/automation_form";
import { Automations } from "./pages/automations";
import { Chats } from "./pages/chats";
import { Connections } from "./pages/connections";
import { Job } from "./pages/job";
import { Missing, useMissing } from "./pages/missing";
import { needsOf } from "./pages/needs";
import { Now } from "./pages/now";
import { Run } from "./pages/run";
import { Runs } from "./pages/runs";
import { Subscription } from "./pages/subscription";
import { SubscriptionForm } from "./pages/subscription_form";
import { Subscriptions } from "./pages/subscriptions";
import { Usage } from "./pages/usage";
import { Link, match, Router, useNavigation } from "./router";
import { type OperationId, SessionProvider, useSession } from "./session";
import { Distance, LOCAL_ZONE, useZone, ZoneProvider } from "./time";
import { Banners } from "./ui/banner";
import { Button } from "./ui/button";
import { Page } from "./ui/page";
import { Empty, Notice } from "./ui/state";
import { Text } from "./ui/text";
import { ToastProvider } from "./ui/toast";

interface Route {
  readonly path: string;
  readonly page: ComponentType<{ parameters: Record<string, string> }>;
}

const ROUTES: readonly Route[] = [
  { path: "", page: Now },
  { path: "/automations", page: Automations },
  { path: "/automations/:name", page: Automation },
  { path: "/automations/:name/edit", page: AutomationForm },
  { path: "/create", page: AutomationForm },
  { path: "/runs", page: Runs },
  { path: "/runs/:id", page: Run },
  { path: "/chats", page: Chats },
  { path: "/jobs/:id", page: Job },
  { path: "/usage", page: Usage },
  { path: "/subscriptions", page: Subscriptions },
  { path: "/subscriptions/:name", page: Subscription },
  { path: "/subscriptions/:name/edit", page: SubscriptionForm },
  { path: "/subscribe", page: SubscriptionForm },
  { path: "/connections", page: Connections },
];

const MENU: readonly [path: string, text: string, needs: OperationId][] = [
  ["", "Now", "get_me"],
  ["/automations", "Automations", "list_automations"],
  ["/runs", "Runs", "list_runs"],
  ["/chats", "Chats", "list_chats"],
  ["/usage", "Usage", "get_usage"],
  ["/subscriptions", "Subscriptions", "list_subscriptions"],
  ["/connections", "Connections", "list_connections"],
];

export function App() {
  return (
    <Router>
      <ToastProvider>
        <ZoneProvider>
          <SessionProvider>
            <Shell />
          </SessionProvider>
        </ZoneProvider>
      </ToastProvider>
    </Router>
  );
}

const WHILE_SHOWN_MS = 15_000;
const IN_THE_MENU_MS = 60_000;

function Shell() {
  const { path } = useNavigation().location;
  return (
    <StackPauseProvider>
      <AttentionProvider every={path === "" ? WHILE_SHOWN_MS : IN_THE_MENU_MS}>
        <div class="shell">
          <a class="skip" href="#main">
            Skip to the content
          </a>
          <SideBar />
          <div class="content">
            <Banners />
            <CurrentPage />
          </div>
        </div>
      </AttentionProvider>
    </StackPauseProvider>
  );
}

function CurrentPage() {
  const { path } = useNavigation().location;
  for (const route of ROUTES) {
    const parameters = match(route.path, path);
    // The key makes each run and each automation a page of its own.
    if (parameters) return <Allowed key={path} route={route} parameters={parameters} />;
  }
  return (
    <Page title="Not found">
      <Empty title="There is no such page">
        <Link to="">Show what happens now</Link>
      </Empty>
    </Page>
  );
}

function Allowed({ route, parameters }: { route: Route; parameters: Record<string, string> }) {
  const missing = useMissing(route.path);
  const [error, retry] = useErrorBoundary();
  if (missing) return <Missing need={missing} />;
  return error ? <Broken error={error} onRetry={retry} /> : <route.page parameters={parameters} />;
}

/** In place of a page that failed, for example because an answer is not what the console expects. */
function Broken({ error, onRetry }: { error: unknown; onRetry(): void }) {
  return (
    <Page title="This page can't be shown">
      <Notice kind="error" title="The console made a mistake" actions={<Button onClick={onRetry}>Try again</Button>}>
        <p>
          <Text>{asError(error).message}</Text>
        </p>
        <p>
          Your stack and the other pages still work. If it happens again, reload the page, then report this message.
        </p>
      </Notice>
    </Page>
  );
}

function SideBar() {
  const { me, can, signOut } = useSession();
  const { path } = useNavigation().location;
  // On a narrow screen, the menu is closed until the person opens it.
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const close = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, []);
  useEffect(() => setOpen(false), [path]);
  return (
    <header class="sidebar" data-open={open}>
      <div class="brand">
        <Link to="" class="logo">
          aichats
        </Link>
        <span class="faint stack">{me.stack}</span>
      </div>
      <div class="menu-button">
        <Button expanded={open} onClick={() => setOpen(!open)}>
          Menu <NeedCount />
        </Button>
      </div>
      <nav aria-label="Pages">
        <ul>
          {MENU.filter(([, , operation]) => can(operation)).map(([target, text]) => (
            <li key={target}>
              <Link to={target} aria-current={isWithin(path, target) ? "page" : undefined}>
                {text} {target === "" && <NeedCount />}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div class="account">
        <ZoneSwitch />
        <a href="/docs">API reference</a>
        <p class="faint">
          Signed in as{" "}
          <strong>
            <Text>{me.name}</Text>
          </strong>
          {me.companies && (
            <>
              , only for <Text>{me.companies.join(", ")}</Text>
            </>
          )}
          {me.expires_at && (
            <>
              . The token ends <Distance at={me.expires_at} />
            </>
          )}
        </p>
        <Button kind="quiet" onClick={signOut}>
          Sign out
        </Button>
      </div>
    </header>
  );
}

const MOST_COUNTED = 99;

/** How many things need a person. */
function NeedCount() {
  const { me } = useSession();
  const number = needsOf(useSources(), me, Date.now()).length;
  if (number === 0) return null;
  return (
    <span class="need-count">
      {number > MOST_COUNTED ? `${MOST_COUNTED}+` : number}
      <span class="hidden"> {number === 1 ? "thing needs" : "things need"} you</span>
    </span>
  );
}

function ZoneSwitch() {
  const { zone, setZone } = useZone();
  if (LOCAL_ZONE === "UTC") return <p class="faint">Times in UTC</p>;
  return (
    <label class="zone">
      <span class="faint">Times in</span>
      <select aria-label="Times in" value={zone} onChange={(event) => setZone(event.currentTarget.value)}>
        <option value={LOCAL_ZONE}>{LOCAL_ZONE}</option>
        <option value="UTC">UTC</option>
      </select>
    </label>
  );
}

function isWithin(path: string, target: string): boolean {
  if (target === "/automations" && path === "/create") return true;
  if (target === "/subscriptions" && path === "/subscribe") return true;
  return path === target || (target !== "" && path.startsWith(`${target}/`));
}
