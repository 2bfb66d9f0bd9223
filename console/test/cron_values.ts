// Reads cron expressions, one a line, and prints the values of their fields as JSON.

import { readFileSync } from "node:fs";
import { parseCron } from "../src/model/cron";

console.log(JSON.stringify(readFileSync(0, "utf8").trim().split("\n").map(parseCron)));
