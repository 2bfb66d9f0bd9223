// `node --test` runs it, after esbuild (tests/judges/test_console_units.py).

import assert from "node:assert/strict";
import { test } from "node:test";
import { describeSchedule, describeTrigger } from "../src/model/schedule_words";

const ZONE = "Europe/Berlin";
const WORDS: Record<string, string | null> = {
  "cron(0 9 * * ? *)": "At 09:00, every day",
  "cron(0 9 ? * 2-6 *)": "At 09:00, Monday through Friday",
  "cron(0 9 ? * mon-fri *)": "At 09:00, Monday through Friday",
  "cron(00 09 ? * 1 *)": "At 09:00, every Sunday",
  "cron(0 9 ? * L *)": "At 09:00, every Saturday",
  "cron(0 9 ? * SUN,WED *)": "At 09:00, Wednesday and Sunday",
  "cron(0 9 ? * FRI-SAT,SUN-MON *)": "At 09:00, Monday and Friday through Sunday",
  "cron(0 9 ? 6-8 1-7 *)": "At 09:00, every day in June through August",
  "cron(0 9 L * ? *)": "At 09:00, on the last day of the month",
  "cron(0 9 LW * ? *)": "At 09:00, on the last workday (Monday to Friday) of the month",
  "cron(0 9 15W * ? *)": "At 09:00, on the workday (Monday to Friday) nearest to day 15 of the month",
  "cron(0 9 ? * 6L *)": "At 09:00, on the last Friday of the month",
  "cron(0 9 ? JAN,JUL MON#1 *)": "At 09:00, on the first Monday of the month in January and July",
  "cron(0 9 ? * 1#5 *)": "At 09:00, on the fifth Sunday of the month, if there is one",
  "cron(0 9 31 * ? *)": "At 09:00, on day 31 of the month, if there is one",
  "cron(0 9 31 12 ? *)": "At 09:00, on day 31 of December",
  "cron(0 9 29 FEB ? *)": "At 09:00, on day 29 of February, if there is one",
  "cron(0 9 1-5,10 * ? *)": "At 09:00, on days 1 through 5 and 10 of the month",
  "cron(0 9 1/5 * ? *)": "At 09:00, every 5 days from day 1 to day 31 of the month",
  "cron(0 9 1 1/3 ? *)": "At 09:00, on day 1 of the month in January, April, July and October",
  "cron(0 9 1 1 ? 2027)": "At 09:00, on day 1 of January, in 2027",
  "cron(0 9 * * ? 2026/2)": "At 09:00, every day, every 2 years from 2026 on",
  "cron(0 9 * * ? 2027/1)": "At 09:00, every day, from 2027 on",
  "cron(* * * * ? *)": "Every minute",
  "cron(*/15 * * * ? *)": "Every 15 minutes",
  "cron(7/15 * * * ? *)": "Every 15 minutes, at 7, 22, 37 and 52 minutes past the hour",
  "cron(5/20 9-17 ? * MON-FRI *)": "Every 20 minutes from 09:05 to 17:45, Monday through Friday",
  "cron(0/10 9 * * ? *)": "Every 10 minutes from 09:00 to 09:50",
  "cron(0 * * * ? *)": "Every hour",
  "cron(1 * * * ? *)": "Every hour, at 1 minute past the hour",
  "cron(0 */2 * * ? *)": "Every 2 hours from 00:00 to 22:00",
  "cron(0 9-17 * * ? *)": "Every hour from 09:00 to 17:00",
  "cron(0,30 9,17 * * ? *)": "At 09:00, 09:30, 17:00 and 17:30, every day",
  // Steps that don't divide the hour or the day begin again with it.
  "cron(0/45 * * * ? *)": "Every hour, at 0 and 45 minutes past the hour",
  "cron(0 0/5 * * ? *)": "At 00:00, 05:00, 10:00, 15:00 and 20:00, every day",
  "at(2026-11-30T09:00:00)": "Once, on Mon 30 Nov 2026 at 09:00",
  "at(2026-11-30T09:00:05)": "Once, on Mon 30 Nov 2026 at 09:00:05",
  // No short sentence says these exactly.
  "cron(0,7,13,21 5,6,7,9 * * ? *)": null,
  "cron(0 9 1,3,7,8,12,19,24,31 * ? *)": null,
  // These are not valid.
  "cron(0 9 * * *)": null,
  "cron(0 9 * * * *)": null,
  "cron(0 9 ? * FRI-MON *)": null,
  "cron(0 9 ? * MON/2 *)": null,
  "cron(60 9 * * ? *)": null,
  "at(2026-13-30T09:00:00)": null,
  "rate(0 minutes)": null,
  "every day": null,
};

test("a schedule is described exactly, or not at all", () => {
  for (const [expression, words] of Object.entries(WORDS)) {
    assert.equal(describeSchedule(expression, ZONE), words && `${words} (${ZONE})`, expression);
  }
});

test("a rate has no time zone, because it doesn't follow the clocks", () => {
  assert.equal(describeSchedule("rate(1 minute)", ZONE), "Every minute");
  assert.equal(describeSchedule("rate(15 minutes)", ZONE), "Every 15 minutes");
  assert.equal(describeSchedule("rate(1 day)", ZONE), "Every 24 hours");
});

test("a trigger without words is its expression", () => {
  const trigger = { type: "schedule", timezone: ZONE, start: null, end: null, enabled: true } as const;
  assert.equal(describeTrigger({ ...trigger, expression: "cron(nonsense)" }), `cron(nonsense) (${ZONE})`);
});

test("a webhook is described with its events, and says that it has a filter", () => {
  const trigger = { type: "webhook", filter: null, enabled: true } as const;
  assert.equal(describeTrigger({ ...trigger, events: ["payment.failed"] }), "When Whop sends payment.failed");
  assert.equal(
    describeTrigger({ ...trigger, events: ["a.b", "c.d"], filter: "data.user" }),
    "When Whop sends a.b or c.d, if the filter is true",
  );
  assert.equal(describeTrigger({ ...trigger, events: ["a", "b", "c", "d"] }), "When Whop sends a, b or 2 other events");
});
