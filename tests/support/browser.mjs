// Opens a URL in Chromium and performs steps: a key such as "Tab", or a click such as "click button". The last step
// leaves the page. Prints what is seen before the first step and after each step, as JSON.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/package.json`);
const puppeteer = require("puppeteer-core");
const chromium = require("@sparticuz/chromium");

const [url, ...steps] = process.argv.slice(2);
const LIMIT_MS = 120_000;

const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  headless: "shell",
  pipe: true, // Chromium ends with this process, even if it is killed.
  // There is no sandbox for root and in most containers. No name but this machine's own is looked up.
  args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"],
  timeout: LIMIT_MS,
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const perform = (step) =>
    step.startsWith("click ") ? page.click(step.slice("click ".length)) : page.keyboard.press(step);
  const see = () =>
    page.evaluate(() => ({
      origin: location.origin,
      heading: document.querySelector("h1").innerText,
      text: document.body.innerText,
      focus: document.activeElement.innerText,
    }));
  await page.goto(url);
  const seen = [await see()];
  for (const step of steps.slice(0, -1)) {
    await perform(step);
    seen.push(await see());
  }
  await Promise.all([page.waitForNavigation(), perform(steps.at(-1))]);
  console.log(JSON.stringify([...seen, await see()]));
} finally {
  await browser.close();
}
