import { readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { proofOf } from "../../src/daemon/page/sessions.ts";
import { answerOf, BrowserLike } from "../support/browser-like.ts";
import { Room } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

/** Whether anybody listens there. */
function listens(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

const MINUTE = 60_000;

describe("the page's listener", () => {
  it("is opened only when somebody asks for it on the control socket, on both loopback addresses", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    expect(await readdir(anna.state)).not.toContain("page.json");
    const page = await BrowserLike.opened(anna);
    expect(await listens(page.port)).toBe(true);
    expect(await listens(page.port, "::1")).toBe(true);
    const again = await BrowserLike.opened(anna);
    expect([again.port, again.path]).toEqual([page.port, page.path]);
    expect(again.token).not.toBe(page.token);
    await anna.stop();
    expect(await listens(page.port)).toBe(false);
  });

  it("gives its files to a browser, with a policy that lets nothing else run", async () => {
    await using room = await Room.open();
    const page = await BrowserLike.opened(await room.daemon("anna"));
    const html = await page.ask("GET", "", { "sec-fetch-site": "none" });
    expect([html.status, html.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    const policy = String(html.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect((await page.ask("GET", "page.js")).text).toBe('"page";\n');
    for (const target of ["/", "/v1/id", "../v1/id", "/..%2f", "page.js/", "index.html", "%70age.js"]) {
      expect([target, (await page.ask("GET", target)).status]).toEqual([target, 404]);
    }
  });

  it("lets a browser in once for a token", async () => {
    await using room = await Room.open();
    const page = await BrowserLike.opened(await room.daemon("anna"));
    expect((await page.ask("GET", "v1/id")).status).toBe(401);
    const entered = await page.enter(`Token ${page.token}`);
    const [cookie = ""] = entered.headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^lanxfer=[\w-]{43}; Path=\/[\w-]{22}\/; HttpOnly; SameSite=Strict$/);
    expect(await page.call("GET", "v1/id")).toMatchObject({ name: "anna" });
    const thief = new BrowserLike(`http://127.0.0.1:${page.port}${page.path}#${page.token}`);
    expect(await thief.enter(`Token ${page.token}`)).toMatchObject({ status: 401 });
    for (const secret of ["", "Token", "Token ", `Proof ${page.token}`, `Bearer ${page.token}`, "Token x y"]) {
      expect([secret, (await thief.enter(secret)).status]).toEqual([secret, 401]);
    }
    expect((await page.ask("GET", "v1/id")).status).toBe(200);
  });

  it("does not take a token that is two minutes old", async () => {
    const clock = new SkippingClock();
    await using room = await Room.open({ clock });
    const page = await BrowserLike.opened(await room.daemon("anna"));
    clock.skip(2 * MINUTE + 1);
    expect(await page.enter(`Token ${page.token}`)).toMatchObject({ status: 401 });
  });

  it.each([
    ["a name that was made to lead here", { host: "evil.example" }],
    ["that name with our port", { host: "evil.example:PORT" }],
    ["another port of this machine", { host: "127.0.0.1:1" }],
    ["a name below localhost", { host: "x.localhost:PORT" }],
    ["another address of this machine", { host: "127.0.0.2:PORT" }],
    ["an address in another spelling", { host: "2130706433:PORT" }],
    ["a page of another site", { origin: "https://evil.example" }],
    ["a page that hides where it is from", { origin: "null" }],
    ["a page of another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["a page of the same host by another name", { origin: "http://localhost:PORT" }],
    ["a link on another site", { "sec-fetch-site": "cross-site" }],
    ["a page of the same site", { "sec-fetch-site": "same-site" }],
  ])("answers nothing to a request from %s, whatever it asks for", async (_, change) => {
    await using room = await Room.open();
    const page = await BrowserLike.letIn(await room.daemon("anna"));
    const headers = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [name, value.replace("PORT", String(page.port))]),
    );
    for (const [method, target] of [
      ["GET", ""],
      ["GET", "page.js"],
      ["GET", "session"],
      ["POST", "session"],
      ["GET", "v1/id"],
      ["GET", "v1/events"],
      ["POST", "v1/bundles?peer=x"],
      ["DELETE", "v1/devices/x"],
      ["OPTIONS", "v1/id"],
    ] as const) {
      const answer = await page.ask(method, target, headers);
      expect([method, target, answer.status]).toEqual([method, target, 403]);
      expect(answer.text).not.toContain("anna");
      expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
    }
  });

  it("takes nothing that changes something without a word on where it comes from", async () => {
    await using room = await Room.open();
    const page = await BrowserLike.letIn(await room.daemon("anna"));
    const answer = await page.ask("POST", "v1/invites", { origin: undefined, "sec-fetch-site": undefined }, "{}");
    expect(answer.status).toBe(403);
  });

  it("does not become a WebSocket for anybody", async () => {
    await using room = await Room.open();
    const page = await BrowserLike.letIn(await room.daemon("anna"));
    const upgrade = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    expect(await page.ask("GET", "v1/events", { ...upgrade, origin: "https://evil.example" })).toMatchObject({
      status: 403,
    });
    expect((await page.ask("GET", "v1/id", upgrade)).status).not.toBe(101);
  });

  it("shows the page what it is there for, and nothing that would make more of a stolen session", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const page = await BrowserLike.letIn(anna);
    const file = await anna.write("secret.txt", "secret");
    const json = { "content-type": "application/json" };
    for (const [method, target, body] of [
      ["POST", "v1/transfers", { peer: "x", paths: [file] }],
      ["POST", "v1/transfer-groups", { peer: "x", paths: [file] }],
      ["POST", "v1/previews", { peer: "x", paths: ["/"] }],
      ["PUT", "v1/settings/hooks.received", { value: ["/bin/sh"] }],
      ["PUT", "v1/settings/log.level", { value: "trace" }],
      ["POST", "v1/peers", { name: "x", host: "y", port: 1 }],
      ["POST", "v1/page", undefined],
      ["GET", "metrics", undefined],
      ["GET", "v1/settings/../page", undefined],
      ["POST", "v1/../v1/page", undefined],
      ["POST", "v1/%70age", undefined],
    ] as const) {
      const answer = await page.ask(method, target, json, body && JSON.stringify(body));
      expect([method, target, answer.status >= 403]).toEqual([method, target, true]);
    }
    expect((await page.ask("GET", "v1/events", { cookie: "lanxfer=x" })).status).toBe(401);
    for (const target of ["v1/status", "v1/peers", "v1/devices", "v1/settings", "v1/history?limit=5", "v1/inbox"]) {
      expect([target, (await page.ask("GET", target)).status]).toEqual([target, 200]);
    }
    expect(await page.call("PUT", "v1/settings/name", { value: "anna 2" })).toMatchObject({ value: "anna 2" });
  });

  it("refuses a body that is too large, and ends one that does not come", async () => {
    const clock = new SkippingClock();
    await using room = await Room.open({ clock });
    const anna = await room.daemon("anna");
    const page = await BrowserLike.letIn(anna);
    const json = { "content-type": "application/json" };
    const large = await page.ask("POST", "v1/invites", json, JSON.stringify({ address: "x".repeat(5_000_000) }));
    expect([0, 400, 413]).toContain(large.status);
    const slow = page.begin("POST", "v1/invites", { ...page.ours("POST"), ...json, "content-length": "100" });
    slow.write("{");
    const ended = answerOf(slow);
    await eventually("the request is there", async () => {
      clock.skip(11_000);
      return (await Promise.race([ended, undefined])) !== undefined || undefined;
    });
    expect([0, 400]).toContain((await ended).status);
    // Who was not let in is not waited for at all.
    const stranger = page.begin("POST", "v1/bundles?peer=x", {
      ...page.ours("POST"),
      cookie: "",
      "content-length": "9",
    });
    stranger.write("x");
    expect((await answerOf(stranger)).status).toBe(401);
    expect((await page.ask("GET", "v1/id")).status).toBe(200);
  });

  it("ends a request whose headers do not come", async () => {
    await using room = await Room.open();
    const page = await BrowserLike.opened(await room.daemon("anna"));
    const socket = connect(page.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nhost:");
    const started = performance.now();
    await new Promise((resolve) => socket.once("close", resolve).resume());
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it("closes ten minutes after the last page went away, not while one is there, and forgets who was let in", async () => {
    const clock = new SkippingClock();
    await using room = await Room.open({ clock });
    const anna = await room.daemon("anna");
    const page = await BrowserLike.letIn(anna);
    const events = page.begin("GET", "v1/events", page.ours("GET"));
    events.end();
    await new Promise((resolve) => events.once("response", (response) => response.once("data", resolve)));
    clock.skip(60 * MINUTE);
    expect(await page.call("GET", "v1/id")).toMatchObject({ name: "anna" });
    events.destroy();
    const isClosed = async () => (await listens(page.port)) === false || undefined;
    await eventually("closed", () => {
      clock.skip(5 * MINUTE + 1);
      return isClosed();
    });
    await eventually("forgotten", async () => !(await readdir(anna.state)).includes("page.json") || undefined);
    const next = await BrowserLike.opened(anna);
    expect(next.path).not.toBe(page.path);
    next.cookie = page.cookie;
    expect((await next.ask("GET", "v1/id")).status).toBe(401);
    expect((await next.ask("GET", `${page.path}v1/id`)).status).toBe(404);
    expect(await next.enter(`Proof ${proofOf(page.key ?? "", await challengeOf(next))}`)).toMatchObject({
      status: 401,
    });
  });

  it("is there again after a restart for the pages that were open, which prove that they were let in", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const page = await BrowserLike.letIn(anna);
    const { cookie, key = "" } = page;
    const kept = await readFile(path.join(anna.state, "page.json"), "utf8");
    expect(kept).not.toContain(cookie?.split("=")[1]);
    await anna.stop();
    await anna.start();
    expect((await page.ask("GET", "v1/id")).status).toBe(401);
    const proof = proofOf(key, await challengeOf(page));
    expect(await page.enter("Proof x")).toMatchObject({ status: 401 });
    expect(await page.enter(`Proof ${proof}`)).toMatchObject({ status: 200 });
    expect(page.cookie).not.toBe(cookie);
    expect(await page.call("GET", "v1/id")).toMatchObject({ name: "anna" });
    const thief = new BrowserLike(`http://127.0.0.1:${page.port}${page.path}#x`);
    expect(await thief.enter(`Proof ${proof}`)).toMatchObject({ status: 401 });
    thief.cookie = cookie;
    expect((await thief.ask("GET", "v1/id")).status).toBe(401);
  });

  it("is not opened again where its port is taken, nor by a file that is damaged", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert");
    const page = await BrowserLike.opened(anna);
    await bert.stop();
    await writeFile(path.join(bert.state, "page.json"), await readFile(path.join(anna.state, "page.json")));
    await bert.start();
    expect(await readdir(bert.state)).not.toContain("page.json");
    await bert.stop();
    await writeFile(path.join(bert.state, "page.json"), '{"v":1,"port":80');
    await bert.start();
    expect((await BrowserLike.opened(bert)).port).not.toBe(page.port);
  });
});

async function challengeOf(page: BrowserLike): Promise<string> {
  return JSON.parse((await page.ask("GET", "session")).text).challenge;
}
