// Reads cron expressions and a time from standard input; prints when each fires next, as aws-cron-parser has it.
const { createRequire } = require("node:module");
const found = createRequire(`${process.cwd()}/package.json`)("aws-cron-parser");
const parser = found.default ?? found;
const { expressions, after, count } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

function times(expression) {
  try {
    const cron = parser.parse(expression);
    const moments = [];
    let moment = new Date(after);
    while (moments.length < count && (moment = parser.next(cron, moment))) moments.push(moment.getTime() / 1000);
    return moments;
  } catch {
    return null;
  }
}

console.log(JSON.stringify(expressions.map(times)));
