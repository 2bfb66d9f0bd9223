// Draws SVG files as PNG files beside them, in Chromium.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.cwd()}/package.json`);
const puppeteer = require("puppeteer-core");
const chromium = require("@sparticuz/chromium");

const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  headless: "shell",
  pipe: true, // Chromium ends with this process, even if it is killed.
  args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"], // No font is fetched.
});
try {
  const page = await browser.newPage();
  for (const file of process.argv.slice(2)) {
    await page.goto(pathToFileURL(file).href);
    const { width, height } = await page.evaluate(() => {
      const { width, height } = document.documentElement.viewBox.baseVal;
      return { width: Math.ceil(width), height: Math.ceil(height) };
    });
    await page.setViewport({ width, height });
    await page.screenshot({ path: file.replace(/svg$/, "png") });
  }
} finally {
  await browser.close();
}
