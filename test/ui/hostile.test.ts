/** The page among people who mean harm: what they may call themselves, where they may stand, what they may have found. */

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addressOf } from "../support/browser.ts";
import type { Device } from "../support/device.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { UiScene } from "../support/ui-scene.ts";
import { card, go, rows } from "../support/user.ts";

const CROWD = fileURLToPath(new URL("../hosts/programs/crowd.mjs", import.meta.url));
const EVIL = '<img src=x onerror="document.title=1">\u202egpj.exe\x1b[2J';
const SHOWN = '<img src=x onerror="document.title=1">\\u{202e}gpj.exe\\x1b[2J';

suiteFor(["hosts", "browser"])("Against those who mean harm, the page", () => {
  let scene: UiScene;
  let [anna, bert]: Device[] = [];
  const both = () => {
    if (!anna || !bert) throw new Error("the scene is not set");
    return { anna, bert };
  };
  beforeAll(async () => {
    scene = await UiScene.open();
    const history = path.join((await scene.place("anna")).home, "state");
    await mkdir(history, { mode: 0o700, recursive: true });
    await writeFile(path.join(history, "history.jsonl"), historyOf(1_000), { mode: 0o600 });
    [anna, bert] = await scene.pair();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  it("shows names and notes as the text they are, with what is hidden in them", async () => {
    const { anna, bert } = both();
    const page = await scene.page(anna);
    await anna.tell("policy", "bert", "ask");
    const file = path.join(bert.place.home, EVIL);
    await writeFile(file, "x");
    const note = "<script>document.title=2</script> \u2066note";
    const json = { peer: "anna", paths: [file], note };
    const { id } = await bert.control.call("post", "/v1/transfers", { json });
    await page.getByText(`bert wants to send you ${SHOWN}`).waitFor();
    await page.getByText("<script>document.title=2</script> \\u{2066}note").waitFor();
    expect(await page.getByRole("main").locator("img, script, b").count()).toBe(0);
    await page.getByRole("button", { name: `Accept ${SHOWN}` }).click();
    await bert.ended(id);
    await go(page, "Received");
    // On the disk what cannot be printed is replaced already.
    const kept = SHOWN.replace(/\\u\{202e\}|\\x1b/g, "_");
    await rows(page, kept).getByText("from bert").waitFor();
    await go(page, "History");
    await page.getByText("<script>document.title=2</script> \\u{2066}note").waitFor();
    expect(await page.title()).toBe("anna – lanxfer");
    await anna.tell("policy", "bert", "auto");
  });

  it("lets nobody in with an address that was used, or with a cookie that was found", async () => {
    const { anna } = both();
    const address = await addressOf(anna);
    const browser = await scene.browser(anna);
    const first = await browser.page();
    await first.goto(address);
    await first.getByRole("heading", { name: "Your devices" }).waitFor();
    expect(first.url()).not.toContain("#");
    const thief = await browser.page();
    await thief.goto(address);
    await thief.getByRole("heading", { name: "This page has ended" }).waitFor();
    expect(await thief.getByText("bert").count()).toBe(0);
    await first.reload();
    await first.getByRole("heading", { name: "Your devices" }).waitFor();
    const [cookie] = await first.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: new URL(address).pathname });
    expect(await first.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")).toBe('[{},{},""]');
  });

  it("does nothing that another site of the same machine asks for", async () => {
    const { anna } = both();
    const address = await addressOf(anna);
    const page = await (await scene.browser(anna)).page();
    await page.goto(address);
    await page.getByRole("heading", { name: "Your devices" }).waitFor();
    const { origin, pathname } = new URL(address);
    // The same browser, with its cookies, on a page of another origin.
    const elsewhere = await page.context().newPage();
    await elsewhere.route("http://127.0.0.1:9/", (route) =>
      route.fulfill({ contentType: "text/html", body: "<p>evil" }),
    );
    await elsewhere.goto("http://127.0.0.1:9/");
    const asked = `(async () => {
      const results = [];
      for (const [method, path] of [["GET", "v1/id"], ["POST", "v1/invites"], ["DELETE", "v1/devices/bert"]]) {
        const options = { method, mode: "no-cors", credentials: "include" };
        results.push(await fetch("${origin}${pathname}" + path, options).then(({ type }) => type, () => "failed"));
      }
      results.push(await new Promise((resolve) => {
        const socket = new WebSocket("${origin.replace("http", "ws")}${pathname}v1/events");
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("closed");
      }));
      return results;
    })()`;
    const results = (await elsewhere.evaluate(asked)) as string[];
    expect(results[3]).toBe("closed");
    expect(await anna.tell("devices")).toContain("bert");
    const frame = await elsewhere.evaluate(`new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = "${origin}${pathname}";
      frame.onload = () => { try { resolve(frame.contentDocument?.title ?? "none of ours"); } catch { resolve("none of ours"); } };
      document.body.append(frame);
    })`);
    expect(frame).not.toContain("lanxfer");
    scene.expect(/frame|refused|WebSocket|127\.0\.0\.1/i);
  });

  it("breaks none of its own policy, which would be noticed", async () => {
    const { anna } = both();
    const page = await scene.page(anna);
    await page.getByRole("heading", { name: "Your devices" }).waitFor();
    const broken = page.evaluate(`new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
      new Image().src = "https://evil.example/x.png";
    })`);
    expect(await broken).toBe("img-src");
    const markup = page.evaluate(`document.body.innerHTML = "<p>"`);
    await expect(markup).rejects.toThrow("TrustedHTML");
    const complaints = (await scene.browser(anna)).complaints;
    await eventually("a complaint", () => complaints.length > 0 || undefined);
    scene.expect(/Content Security Policy|TrustedHTML/);
  });

  it("shows a thousand entries of the history, some at first and the others when they are wanted", async () => {
    const { anna } = both();
    const page = await scene.page(anna);
    await go(page, "History");
    await page.locator(".row").nth(99).waitFor({ state: "attached" });
    for (const more of [200, 400, 800, 1_000]) {
      await page.getByRole("button", { name: "Show more" }).click();
      await page
        .locator(".row")
        .nth(more - 1)
        .waitFor({ state: "attached" });
    }
    const started = performance.now();
    await go(page, "Devices");
    await card(page, "bert").waitFor();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("tells a device that only has the name of a paired one from that one, and one that has markup for a name from markup", async () => {
    const { anna } = both();
    const page = await scene.page(anna);
    const [other, eve] = await Promise.all([
      scene.device("other", { LANXFER_NAME: "bert" }),
      scene.device("eve", { LANXFER_NAME: "<b>\u202eeve" }),
    ]);
    await page.getByText(/^Not paired, and not your bert: /).waitFor();
    await card(page, "<b>\\u{202e}eve").waitFor();
    await Promise.all([other.stop(), eve.stop()]);
    await card(page, "<b>\\u{202e}eve").waitFor({ state: "detached" });
  });

  it("shows two hundred others without losing sight of one's own", async () => {
    const { anna } = both();
    const page = await scene.page(anna);
    const crowd = await scene.place("crowd");
    const numbers = Array.from({ length: 200 }, (_, n) => 20 + n);
    await crowd.namespace.ip(...numbers.map((last) => `addr add 10.77.0.${last}/24 dev eth0`));
    const running = crowd.start([process.execPath, CROWD, "200", "20", "10.77.0.1"]);
    await page.getByText("200 devices that you have not paired").waitFor({ timeout: 30_000 });
    await card(page, "bert").getByText("Here").waitFor();
    await page.getByText("200 devices that you have not paired").click();
    await card(page, "crowd 10.77.0.219").waitFor();
    await running.stop("SIGKILL");
  });
});

function historyOf(count: number): string {
  const id = (length: number) =>
    [...randomBytes(length)].map((byte) => "abcdefghijklmnopqrstuvwxyz234567"[byte % 32]).join("");
  const lines = Array.from({ length: count }, (_, n) => {
    const at = new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
    const item = { name: `old ${n}.txt`, type: "file", as: null, path: null, root: null };
    return JSON.stringify({
      ...{ v: 1, at, id: id(16), direction: "out", peer: { id: `${id(51)}a`, name: "somebody" }, result: "done" },
      ...{
        items: [item],
        count: 1,
        entries: 1,
        bytes: n,
        ms: n,
        error: null,
        note: null,
        sourceChanged: false,
        hook: null,
      },
    });
  });
  return `${lines.join("\n")}\n`;
}
