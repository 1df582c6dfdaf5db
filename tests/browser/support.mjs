// What console.mjs uses: the world, and what is looked for on every page.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Starts `amiwright local`, and waits for where everything is.
export const started = async (program, directory) => {
  const args = ["local", "--port", "0", "--dir", join(directory, "world"), "--speed", "10", "-o", "json"];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, "line"), ended.then(() => { throw new Error("amiwright local did not start"); })]);
  // Whoever does not read it stops nothing, but it is read all the same.
  lines.on("line", () => {});
  const world = JSON.parse(first[0]);
  let stopping = null;
  const stop = () => {
    stopping ??= (child.kill("SIGTERM"), ended);
    return stopping;
  };
  return { ...world, stateDirectory: join(dirname(world.bucketDirectory), world.stateBucket), stop };
};

// Notes errors of a page, what its policy forbids, and requests to other hosts.
export const watched = (page, host, trouble) => {
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (404|422)/.test(message.text())) trouble.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${host}/`)) trouble.push(`a request to ${request.url()}`);
  });
};

// What axe-core finds. It is evaluated by the browser's own means, which a policy does not concern.
export const axeProblems = async (page) => {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .map((it) => `${it.impact}: ${it.id}: ${it.nodes.slice(0, 3).map((node) => `${node.html} (${node.failureSummary})`).join("; ")}`);
};

// By how many pixels a page is wider than the screen.
export const overflow = (page) => page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - globalThis.innerWidth));

// Whether something is on the part of the page that is seen without scrolling.
export const seen = (locator) => locator.evaluate((it) => {
  const { top, bottom } = it.getBoundingClientRect();
  return top >= 0 && bottom <= globalThis.innerHeight;
});

// Writes the statuses of many more images like these.
export const fleet = (stateDirectory, like, count) => {
  for (let number = 0; number < count; number += 1) {
    const status = JSON.parse(like[number % like.length]);
    const key = `fleet/${String(number).padStart(3, "0")}.image.yaml`;
    status.manifest.key = key;
    for (const notice of status.notices) delete notice.facts;
    const path = join(stateDirectory, "status", `${key}.json`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(status));
  }
};
