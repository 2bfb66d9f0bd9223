import type { ComponentType } from "preact";
import { useOnline } from "./hooks";
import { Automation } from "./pages/automation";
import { AutomationForm } from "./pages/automation_form";
import { Automations } from "./pages/automations";
import { Chats } from "./pages/chats";
import { Connections } from "./pages/connections";
import { Now } from "./pages/now";
import { Run } from "./pages/run";
import { Runs } from "./pages/runs";
import { Subscription } from "./pages/subscription";
import { Subscriptions } from "./pages/subscriptions";
import { Usage } from "./pages/usage";
import { Link, match, Router, useNavigation } from "./router";
import { type OperationId, SessionProvider, useSession } from "./session";
import { LOCAL_ZONE, useZone, ZoneProvider } from "./time";
import { Button } from "./ui/button";
import { Page } from "./ui/page";
import { Empty, Notice } from "./ui/state";
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
  { path: "/usage", page: Usage },
  { path: "/subscriptions", page: Subscriptions },
  { path: "/subscriptions/:name", page: Subscription },
  { path: "/connections", page: Connections },
];

const MENU: readonly [path: string, text: string, needs: OperationId][] = [
  ["", "Now", "list_automations"],
  ["/automations", "Automations", "list_automations"],
  ["/runs", "Runs", "list_runs"],
  ["/chats", "Chats", "list_chats"],
  ["/usage", "Usage", "get_usage"],
  ["/subscriptions", "Subscriptions", "list_subscriptions"],
  ["/connections", "Connections", "get_me"],
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

function Shell() {
  const online = useOnline();
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <SideBar />
      <div class="content">
        {!online && (
          <Notice kind="warning" title="You are offline">
            <p>The page shows the last answers. It continues as soon as you are online again.</p>
          </Notice>
        )}
        <CurrentPage />
      </div>
    </div>
  );
}

function CurrentPage() {
  const { path } = useNavigation().location;
  for (const route of ROUTES) {
    const parameters = match(route.path, path);
    // The key makes each run and each automation a page of its own.
    if (parameters) return <route.page key={path} parameters={parameters} />;
  }
  return (
    <Page title="Not found">
      <Empty title="There is no such page">
        <Link to="">Show what happens now</Link>
      </Empty>
    </Page>
  );
}

function SideBar() {
  const { me, can, signOut } = useSession();
  const { path } = useNavigation().location;
  return (
    <header class="sidebar">
      <div class="brand">
        <Link to="" class="logo">
          aichats
        </Link>
        <span class="faint stack">{me.stack}</span>
      </div>
      <nav aria-label="Pages">
        <ul>
          {MENU.filter(([, , operation]) => can(operation)).map(([target, text]) => (
            <li key={target}>
              <Link to={target} aria-current={isWithin(path, target) ? "page" : undefined}>
                {text}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div class="account">
        <ZoneSwitch />
        <a href="/docs">API reference</a>
        <p class="faint">
          Signed in as <strong>{me.name}</strong>
        </p>
        <Button kind="quiet" onClick={signOut}>
          Sign out
        </Button>
      </div>
    </header>
  );
}

function ZoneSwitch() {
  const { zone, setZone } = useZone();
  if (LOCAL_ZONE === "UTC") return <p class="faint">Times in UTC</p>;
  return (
    <label class="zone">
      <span class="faint">Times in</span>
      <select value={zone} onChange={(event) => setZone(event.currentTarget.value)}>
        <option value={LOCAL_ZONE}>{LOCAL_ZONE}</option>
        <option value="UTC">UTC</option>
      </select>
    </label>
  );
}

function isWithin(path: string, target: string): boolean {
  if (target === "/automations" && path === "/create") return true;
  return path === target || (target !== "" && path.startsWith(`${target}/`));
}
