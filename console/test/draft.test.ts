// `node --test` runs it, after esbuild (tests/judges/test_console_units.py).

import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, type Draft, draftOf, newDraft } from "../src/model/draft";
import { gapsOf, nameFor, targetHints } from "../src/model/draft_gaps";
import { expressionOf, newWhen, type When } from "../src/model/draft_when";
import { leaves } from "../src/model/json";

const ZONE = "Europe/Berlin";
const CHAT = { type: "whop.create_chat", message_text: "Hello" };

const schedule = (expression: string, more = {}) => ({ type: "schedule", expression, timezone: ZONE, ...more });
const automation = (trigger: object, more = {}) => ({ trigger, action: CHAT, targets: ["biz_A"], ...more });

const BODIES: Record<string, unknown>[] = [
  automation(schedule("cron(0 9 * * ? *)")),
  automation({ type: "schedule", expression: "cron(0 9 ? * 2-6 *)" }),
  automation(schedule("cron(00 09 ? * 2,4 *)", { start: "2027-01-01T09:00:00+05:00", end: null, enabled: false })),
  automation(schedule("cron(5/20 9-17 ? * MON-FRI *)")),
  automation(schedule("at(2027-03-28T02:30:00)")),
  automation(schedule("at(2027-03-28T02:30:07)")),
  automation(schedule("rate(1  minutes)", { start: "2027-01-01T09:00:30Z" })),
  automation({ type: "webhook", events: ["payment.failed"], filter: "data.user", enabled: true }),
  automation(schedule("rate(2 days)"), {
    targets: ["biz_A", null, "biz_A", "biz_B"],
    action: {
      ...CHAT,
      title: null,
      notification_preference: "none",
      attachments: [
        "file_A",
        { url: "https://a.b/c", filename: "c.pdf" },
        { s3: "s3://b/k" },
        { url: "{{ event.x }}" },
      ],
      message_source: "suggestion",
      suggestion_type: "x",
    },
  }),
  automation(schedule("rate(2 days)"), { action: { type: "whop.update_chat", title: null }, targets: ["aich_1"] }),
  automation(schedule("rate(2 days)"), {
    action: { type: "kodey.create_chat", message_text: "x", metadata: { a: [1] } },
    labels: { team: "growth", "a.b": "x=y" },
    budget: { runs: 5, tokens: null, per: "month" },
    missed: "skip",
    managed_by: "a folder",
    a_field_of_tomorrow: { kept: true },
  }),
];

test("an automation that is only opened stays exactly as it is", () => {
  for (const body of BODIES) assert.deepEqual(bodyOf(draftOf(body, ZONE), body), body);
});

test("one changed field changes one field", () => {
  for (const body of BODIES) {
    const changed = bodyOf({ ...draftOf(body, ZONE), description: "new" }, body);
    assert.deepEqual(changed, { ...body, description: "new" });
  }
});

test("what is chosen without knowledge of cron becomes an expression", () => {
  const made = (when: Partial<When>) => expressionOf({ ...newWhen(ZONE), ...when });
  assert.equal(made({ kind: "daily", time: "08:05" }), "cron(5 8 * * ? *)");
  assert.equal(made({ kind: "weekdays" }), "cron(0 9 ? * MON-FRI *)");
  assert.equal(made({ kind: "weekly", days: [1, 6, 2] }), "cron(0 9 ? * MON,FRI,SUN *)");
  assert.equal(made({ kind: "monthly", day: "L", time: "00:00" }), "cron(0 0 L * ? *)");
  assert.equal(made({ kind: "interval", every: "1", unit: "days" }), "rate(1 day)");
  assert.equal(made({ kind: "interval", every: "15", unit: "minutes" }), "rate(15 minutes)");
  assert.equal(made({ kind: "once", once: "2026-12-24T18:00" }), "at(2026-12-24T18:00:00)");
  assert.equal(made({ kind: "expression", expression: " rate(1 hour) " }), "rate(1 hour)");
});

test("an expression that a simple kind can show is shown by it, and another one as it is", () => {
  const kind = (expression: string) => draftOf(automation(schedule(expression)), ZONE).when.kind;
  assert.equal(kind("cron(0 9 * * ? *)"), "daily");
  assert.equal(kind("cron(0 9 ? * 1-7 *)"), "daily");
  assert.equal(kind("cron(0 9 ? * 2-6 *)"), "weekdays");
  assert.equal(kind("cron(0 9 ? * SUN *)"), "weekly");
  assert.equal(kind("cron(0 9 L * ? *)"), "monthly");
  assert.equal(kind("cron(0 9 1,15 * ? *)"), "expression");
  assert.equal(kind("cron(0 9,17 * * ? *)"), "expression");
  assert.equal(kind("cron(0 9 * * ? 2027)"), "expression");
  assert.equal(kind("cron(0 9 * 1 ? *)"), "expression");
  assert.equal(kind("nonsense"), "expression");
});

test("start and end are times of the automation's zone", () => {
  const body = automation(schedule("rate(1 day)", { start: "2027-01-01T08:00:00Z" }));
  const draft = draftOf(body, ZONE);
  assert.equal(draft.when.start, "2027-01-01T09:00");
  const later = { ...draft, when: { ...draft.when, end: "2027-07-01T09:00" } };
  assert.deepEqual(leaves(bodyOf(later, body)).get("trigger.end"), "2027-07-01T07:00:00Z");
});

test("another action takes along only what it can use", () => {
  const body = automation(schedule("rate(1 day)"), { action: { ...CHAT, title: "T", await_reply: true } });
  const draft: Draft = { ...draftOf(body, ZONE), type: "kodey.create_chat" };
  assert.deepEqual(bodyOf(draft, body).action, { type: "kodey.create_chat", message_text: "Hello" });
});

test("a webhook has no field that only schedules have", () => {
  const body = automation(schedule("rate(1 day)"), { missed: "run", overlap: "skip" });
  const draft = draftOf(body, ZONE);
  const listening = bodyOf({ ...draft, when: { ...draft.when, kind: "webhook", events: ["a.b"] } }, body);
  assert.deepEqual(listening, automation({ type: "webhook", events: ["a.b"] }));
});

test("a new draft says what it still needs", () => {
  const fields = (draft: Draft) => gapsOf("", draft).map(({ field }) => field);
  const draft = newDraft(ZONE);
  assert.deepEqual(fields(draft), ["action.message_text", "targets", "name"]);
  assert.deepEqual(fields({ ...draft, type: "whop.update_chat", when: { ...draft.when, kind: "once" } }), [
    "trigger.expression",
    "action",
    "targets",
    "name",
  ]);
});

test("targets are counted, and odd ones are named", () => {
  const draft = { ...newDraft(ZONE), targets: "biz_A\n\n biz_A \nacme\n{{ event.account_id }}" };
  assert.deepEqual(targetHints(draft), {
    count: "3 companies",
    hints: ["1 line is a duplicate, which is ignored", "“acme”: an id of a company begins with biz_"],
  });
});

test("a name is suggested from the title, or from the first sentence", () => {
  assert.equal(nameFor("Weekly revenue {{ slot.date }}", "x"), "weekly-revenue");
  assert.equal(nameFor("", "Résumé of yesterday's numbers. And more."), "resume-of-yesterday-s-numbers");
  assert.equal(nameFor("報告", ""), "");
});
