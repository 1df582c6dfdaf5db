// The console as a person uses it: headless Chromium on `amiwright local`.
//
//   node console.mjs PROGRAM FOLDER
//
// PROGRAM is the amiwright to run; screenshots of every page go into FOLDER. Every wait is for a condition. Prints a line
// for each check; the first that does not hold ends it with exit code 1.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { axeProblems, fleet, overflow, seen, started, watched } from "./support.mjs";

const [program, folder] = process.argv.slice(2);
assert.ok(program && folder, "usage: node console.mjs PROGRAM FOLDER");
mkdirSync(folder, { recursive: true });
const directory = mkdtempSync(join(tmpdir(), "amiwright-browser-"));

const SNAPSHOT = "snap-0123456789abcdef0";
const GOOD = `name: web-{date}-{digest}\nsource:\n  snapshot: {id: ${SNAPSHOT}}\n`;
const MISSING = "name: db-{digest}\nsource:\n  snapshot: {id: snap-00000000000000bad}\n";
const BAD = `name: "<img src=x onerror=alert(1)>"\nsource:\n  snapshot: {id: ${SNAPSHOT}}\nregister:\n  bootMode: eufi\nnonsense: 1\n`;
const DISK = "name: imported-{digest}\nsource:\n  disk: {object: disk.raw, format: raw}\n";
// How long a condition may take on a busy machine; usually it is there within a second.
const LONGEST = 120_000;
const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const file = (name, text) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from(text) });

const local = await started(program, directory);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const host = new URL(local.console).origin;
const trouble = [];
const opened = async (options) => {
  const context = await browser.newContext({ viewport: SIZES.wide, ...options });
  context.setDefaultTimeout(LONGEST);
  const page = await context.newPage();
  watched(page, host, trouble);
  await page.goto(local.console);
  return page;
};
const imageRow = (page, key) => page.getByRole("row").filter({ has: page.getByRole("link", { name: key, exact: true }) });
const picture = (page, name) => page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
const step = async (name, check) => {
  await check();
  console.log(`ok    ${name}`);
};

// Puts files on the page as a drag does.
const dropped = async (page, files) => {
  const transfer = await page.evaluateHandle((all) => {
    const transfer = new DataTransfer();
    for (const { name, text } of all) transfer.items.add(new File([text], name));
    return transfer;
  }, files);
  const before = Number((await page.locator("#results").getAttribute("data-done")) ?? 0);
  await page.dispatchEvent("#zone", "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent("#zone", "drop", { dataTransfer: transfer });
  await page.locator(`#results[data-done="${before + 1}"]`).waitFor();
};

// Sends what the form of our page does, from whichever page: the status of the answer, or why the browser shows none.
const posted = async (page, url, csrf, text) => {
  const isOurs = (request) => request.url() === `${url}/drop`;
  const answered = Promise.race([
    page.waitForResponse((response) => isOurs(response.request())).then((response) => response.status()),
    page.waitForEvent("requestfailed", isOurs).then((request) => request.failure().errorText),
  ]);
  await page.evaluate(async ([url, csrf, text]) => {
    const form = new FormData();
    form.append("csrf", csrf);
    form.append("file", new File([text], "posted.image.yaml"));
    await fetch(`${url}/drop`, { method: "POST", body: form, mode: "no-cors", credentials: "include" }).catch(() => {});
  }, [url, csrf, text]);
  return await answered;
};
// Our answer; the browser's, which shows no other site what we answer; and its, where it lets pages from outside ask
// nothing of this machine.
const REFUSED = [403, "net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin", "net::ERR_FAILED"];
const READ = (url) => fetch(`${url}/images`, { credentials: "include" }).then(() => "read", () => "kept out");

try {
  const page = await opened();

  await step("the token leaves the address, and without it nothing is shown", async () => {
    assert.equal(page.url(), `${host}/images`);
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map((it) => [it.httpOnly, it.sameSite]), [[true, "Strict"]]);
    const stranger = await (await browser.newContext()).newPage();
    const answer = await stranger.goto(`${host}/images`);
    assert.equal(answer.status(), 401);
    assert.match(await stranger.textContent("body"), /Open the address that was printed/);
    await stranger.context().close();
  });

  await step("an empty list says how to begin", async () => {
    await page.getByRole("heading", { name: "No images yet" }).waitFor();
    await picture(page, "empty");
  });

  const csrf = await page.locator('meta[name="csrf"]').getAttribute("content");

  await step("a page from elsewhere can neither read nor post", async () => {
    const other = await page.context().newPage();
    await other.goto("data:text/html,<p>elsewhere</p>");
    assert.ok(REFUSED.includes(await posted(other, host, csrf, GOOD)));
    assert.equal(await other.evaluate(READ, host), "kept out");
    await other.close();
  });

  // A page of this machine is let ask. `localhost` is another site than 127.0.0.1; all ports of 127.0.0.1 are one, and
  // their pages' requests have our cookie.
  await step("another page of this machine can neither read nor post", async () => {
    const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>elsewhere</p>"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    for (const name of ["localhost", "127.0.0.1"]) {
      const other = await page.context().newPage();
      await other.goto(`http://${name}:${server.address().port}/`);
      // Even with the word of our forms; a manifest that our own page could upload.
      assert.ok(REFUSED.includes(await posted(other, host, csrf, GOOD)));
      assert.equal(await other.evaluate(READ, host), "kept out");
      await other.close();
    }
    server.closeAllConnections();
    server.close();
    // Whatever the browser let be seen of our answers, nothing is in a bucket.
    const files = readdirSync(directory, { recursive: true });
    assert.deepEqual(files.filter((name) => name.includes("posted.image.yaml")), []);
    // The very request is taken of our own page, as far as the manifest is.
    assert.equal(await posted(page, host, csrf, BAD), 422);
    assert.equal(await page.evaluate(READ, host), "read");
    await page.reload();
    await page.getByRole("heading", { name: "No images yet" }).waitFor();
  });

  await step("a bad manifest is checked when it is chosen, each problem at its line", async () => {
    await page.getByRole("link", { name: "Drop", exact: true }).click();
    await page.getByLabel("Files", { exact: true }).setInputFiles(file("bad.image.yaml", BAD));
    await page.locator('#results[data-checked="1"]').waitFor();
    const line = page.locator("#results li", { hasText: "bootMode: eufi" });
    await line.getByText("Problem").waitFor();
    assert.equal(await page.locator("#results img").count(), 0);
    // Who does not see the page hears how many there are.
    await page.locator("#said", { hasText: "3 problems" }).waitFor({ state: "attached" });
    await picture(page, "drop-problems");
  });

  await step("a good manifest that is dropped becomes an AMI, seen without a reload", async () => {
    await dropped(page, [{ name: "web.image.yaml", text: GOOD }]);
    await page.locator("#results").getByRole("link", { name: "web.image.yaml" }).waitFor();
    await picture(page, "drop-uploaded");
    const list = await page.context().newPage();
    watched(list, host, trouble);
    await list.goto(`${host}/images`);
    await imageRow(list, "web.image.yaml").getByText("available", { exact: true }).waitFor();
    await list.close();
  });

  await step("nothing is sent while one manifest of several has problems", async () => {
    await dropped(page, [{ name: "other.image.yaml", text: GOOD }, { name: "bad.image.yaml", text: BAD }, { name: "x.raw", text: "x" }]);
    await page.locator("#results").getByText("Nothing was uploaded of it").waitFor();
    await page.goto(`${host}/images`);
    assert.equal(await page.getByRole("link", { name: "other.image.yaml" }).count(), 0);
  });

  await step("a disk and its manifest are imported", async () => {
    await page.goto(`${host}/drop`);
    await page.getByLabel("Folder").fill("golden/");
    await dropped(page, [{ name: "disk.image.yaml", text: DISK }, { name: "disk.raw", text: "0".repeat(9 * 1024 * 1024) }]);
    await page.locator("#results").getByRole("link", { name: "golden/disk.image.yaml" }).click();
    await page.getByText("import-snapshot").first().waitFor();
    await picture(page, "image-working");
  });

  await step("an image in progress is cancelled by two clicks", async () => {
    // It waits for a disk that never comes: nothing is faster than the clicks.
    await page.goto(`${host}/drop`);
    await dropped(page, [{ name: "waits.image.yaml", text: DISK.replace("disk.raw", "never.raw") }]);
    await page.locator("#results").getByText("Not in the bucket yet").waitFor();
    await page.locator("#results").getByRole("link", { name: "waits.image.yaml" }).click();
    await page.locator("summary", { hasText: "Cancel" }).click();
    await page.getByRole("button", { name: "Cancel this image" }).click();
    await page.getByText("cancellation requested").first().waitFor();
    await page.locator(".state", { hasText: "cancelled" }).first().waitFor();
  });

  await step("from a failed image to its reason it is one click, and a retry", async () => {
    await page.goto(`${host}/drop`);
    await dropped(page, [{ name: "db.image.yaml", text: MISSING }]);
    await page.goto(`${host}/images`);
    await imageRow(page, "db.image.yaml").getByText("failed", { exact: true }).waitFor();
    await picture(page, "images");
    await page.getByRole("link", { name: "db.image.yaml" }).click();
    const reason = page.getByText("InvalidSnapshot.NotFound").first();
    await reason.waitFor();
    assert.ok(await seen(reason), "the reason is on the first screen");
    await picture(page, "image-failed");
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByText("new attempt requested").waitFor();
  });

  await step("emails, logs and health are there", async () => {
    await page.goto(`${host}/mailbox`);
    await page.getByText("Available: web-").first().waitFor();
    await page.locator("summary").first().click();
    await picture(page, "mailbox");
    await page.goto(`${host}/logs?key=db.image.yaml&since=1h`);
    await page.locator(".log li").first().waitFor();
    await picture(page, "logs");
    await page.goto(`${host}/health`);
    await page.getByText("All checks passed.").waitFor();
    await picture(page, "health");
  });

  await step("by keyboard: the first stop skips to the content", async () => {
    await page.goto(`${host}/images`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  });

  await step("the focus stays where it is while the list refreshes", async () => {
    const link = page.getByRole("link", { name: "web.image.yaml" });
    await link.focus();
    const looks = Number((await page.locator("#list").getAttribute("data-looks")) ?? 0);
    await page.waitForFunction((looks) => Number(document.getElementById("list").dataset.looks ?? 0) > looks + 1, looks);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "web.image.yaml");
  });

  await step("without the script lists, filters, forms and uploads work", async () => {
    const plain = await opened({ javaScriptEnabled: false });
    await plain.getByLabel("State", { exact: true }).selectOption("failed");
    await plain.getByRole("button", { name: "Filter" }).click();
    await plain.getByRole("link", { name: "db.image.yaml" }).waitFor();
    assert.equal(await plain.getByRole("link", { name: "web.image.yaml" }).count(), 0);
    await plain.goto(`${host}/drop`);
    await plain.getByLabel("Files", { exact: true }).setInputFiles(file("bad.image.yaml", BAD));
    await plain.getByRole("button", { name: "Check and upload" }).click();
    await plain.locator("#results li", { hasText: "bootMode: eufi" }).getByText("Problem").waitFor();
    await plain.getByLabel("Files", { exact: true }).setInputFiles([file("plain.image.yaml", GOOD.replace("web-", "plain-")), file("notes.txt", "x")]);
    await plain.getByRole("button", { name: "Check and upload" }).click();
    await plain.waitForURL(`${host}/image?key=plain%2Eimage%2Eyaml`);
    await plain.context().close();
  });

  await step("five hundred images are a list", async () => {
    const status = readFileSync(join(local.stateDirectory, "status/web.image.yaml.json"), "utf8");
    const failed = readFileSync(join(local.stateDirectory, "status/db.image.yaml.json"), "utf8");
    fleet(local.stateDirectory, [status, status, status, failed], 500);
    await page.goto(`${host}/images`);
    await page.getByText("Page 1 of 6").waitFor();
    await picture(page, "images-500");
    await page.getByRole("link", { name: "Next" }).click();
    await page.getByText("Page 2 of 6").waitFor();
    await page.getByLabel("Key, AMI or text").fill("fleet/250");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("Shown: 1").waitFor();
  });

  for (const scheme of ["light", "dark"]) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await step(`nothing is in the way of anybody, and all fits: ${scheme}, ${size}`, async () => {
        const it = await opened({ colorScheme: scheme, viewport });
        const pages = { images: "/images", image: "/image?key=db.image.yaml", available: "/image?key=web.image.yaml", plan: "/image/plan?key=web.image.yaml", drop: "/drop", health: "/health", logs: "/logs?since=1h", mailbox: "/mailbox", nothing: "/nothing", none: "/images?q=none" };
        for (const [name, path] of Object.entries(pages)) {
          await it.goto(host + path);
          if (name === "drop") {
            await it.getByLabel("Files", { exact: true }).setInputFiles(file("bad.image.yaml", BAD));
            await it.locator('#results[data-checked="1"]').waitFor();
          }
          assert.deepEqual(await axeProblems(it), [], `${name}, ${scheme}, ${size}`);
          assert.equal(await overflow(it), 0, `${name} is wider than the screen`);
          await picture(it, `${name}-${size}-${scheme}`);
        }
        await it.context().close();
      });
    }
  }

  assert.deepEqual(trouble, [], "errors of the pages, or requests to elsewhere");

  await step("a console that was stopped says so on the page", async () => {
    await page.goto(`${host}/images`);
    await local.stop();
    await page.getByText("The console does not answer").waitFor();
    await picture(page, "stopped");
  });
} finally {
  await browser.close();
  await local.stop();
  rmSync(directory, { recursive: true, force: true });
}
