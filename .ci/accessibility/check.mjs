// Opens HTML files in Chromium and puts them to axe-core: one line a rule that fails, exit status 1 if one is serious.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = process.argv.slice(2);
const views = [[1280, "light"], [400, "light"], [1280, "dark"]];
if (pages.length === 0) {
    console.error("usage: node check.mjs PAGE.html ...");
    process.exit(2);
}

const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    protocolTimeout: 600_000,
});
let serious = 0;
for (const name of pages) {
    for (const [width, scheme] of views) {
        const page = await browser.newPage();
        const asked = [];
        page.on("request", (request) => asked.push(request.url()));
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.setViewport({ width, height: 900 });
        await page.goto(pathToFileURL(resolve(name)).href, { timeout: 120_000 });
        const foreign = asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"));
        await page.evaluate(axe);
        const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations", "incomplete"] }));
        const grave = found.violations.filter((rule) => ["serious", "critical"].includes(rule.impact));
        serious += grave.length + foreign.length;
        console.log(`${name}, ${width} px wide, ${scheme}: ${found.passes.length} rules passed, ${found.violations.length} failed, ` +
            `${grave.length} of them serious or critical; ${found.incomplete.length} to look at; ` +
            `${foreign.length} requests to elsewhere`);
        for (const [kind, rules] of [["fails", found.violations], ["look at", found.incomplete]]) {
            for (const rule of rules) {
                const where = rule.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ");
                console.log(`  ${kind}: ${rule.id} (${rule.impact}), ${rule.nodes.length} times: ${rule.help}; at ${where}`);
            }
        }
        await page.close();
    }
}
await browser.close();
process.exit(serious ? 1 : 0);
