/** What people do on the page, in real browsers of two hosts: told by what they see, and by the files that arrive. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Device } from "../support/device.ts";
import { suiteFor } from "../support/privilege.ts";
import { MiB } from "../support/sizes.ts";
import { UiScene } from "../support/ui-scene.ts";
import { card, drop, go, pick, rows } from "../support/user.ts";

suiteFor(["hosts", "browser"])("The page of a device", () => {
  let scene: UiScene;
  let [anna, bert]: Device[] = [];
  let [annas, berts]: Page[] = [];
  let files = "";
  const here = () => {
    if (!anna || !bert || !annas || !berts) throw new Error("the scene is not set");
    return { anna, bert, annas, berts };
  };
  const file = async (name: string, content: string | Uint8Array) => {
    await mkdir(path.dirname(path.join(files, name)), { recursive: true });
    await writeFile(path.join(files, name), content);
    return path.join(files, name);
  };
  const inbox = async (device: Device) => {
    const names = await readdir(device.inbox, { recursive: true });
    return names.filter((name) => !name.startsWith(".lanxfer")).sort();
  };

  beforeAll(async () => {
    scene = await UiScene.open();
    [anna, bert] = await scene.pair();
    files = path.join(anna.place.home, "files");
    [annas, berts] = await Promise.all([scene.page(anna), scene.page(bert)]);
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  it("sends files that are picked, and says so at both ends", async () => {
    const { annas, berts, bert } = here();
    const picked = [await file("a.txt", "first"), await file("b.bin", randomBytes(3 * MiB))];
    await pick(annas, "Send files to bert", picked);
    await rows(annas, "a.txt and 1 more").getByText("Delivered to bert").waitFor();
    await rows(berts, "a.txt and 1 more").getByText("Received from anna").waitFor();
    await annas.getByLabel("News").getByText("a.txt and 1 more: Delivered to bert").waitFor();
    await berts.getByLabel("News").getByText("a.txt and 1 more: Received from anna").waitFor();
    expect(await inbox(bert)).toEqual(["a.txt", "b.bin"]);
    for (const name of ["a.txt", "b.bin"]) {
      expect((await readFile(path.join(files, name))).equals(await readFile(path.join(bert.inbox, name)))).toBe(true);
    }
  });

  it("sends a folder that is picked, with all that is in it", async () => {
    const { annas, bert } = here();
    await file("picked/one.txt", "1");
    await file("picked/deep/er/two.txt", "2");
    await pick(annas, "Send a folder to bert", [path.join(files, "picked")]);
    await rows(annas, "picked").getByText("Delivered to bert").waitFor();
    expect(await inbox(bert)).toEqual(
      expect.arrayContaining(["picked/deep/er/two.txt", "picked/one.txt", "picked/deep/er"]),
    );
  });

  it("sends what is dropped onto a device, files and folders with empty ones together", async () => {
    const { annas, bert } = here();
    const dropped = [await file("c.txt", "c"), path.join(files, "tree")];
    await file("tree/leaf.txt", "leaf");
    await mkdir(path.join(files, "tree", "bare"));
    await drop(annas, card(annas, "bert"), dropped);
    await rows(annas, "c.txt and 1 more").getByText("Delivered to bert").waitFor();
    expect(await inbox(bert)).toEqual(expect.arrayContaining(["c.txt", "tree", "tree/bare", "tree/leaf.txt"]));
    expect(await readFile(path.join(bert.inbox, "tree", "leaf.txt"), "utf8")).toBe("leaf");
  });

  it("says when what is sent is there already, and sends nothing of it", async () => {
    const { annas, bert } = here();
    await drop(annas, card(annas, "bert"), [path.join(files, "b.bin")]);
    await rows(annas, "b.bin").getByText("Already at bert").waitFor();
    expect((await inbox(bert)).filter((name) => name.startsWith("b"))).toEqual(["b.bin"]);
  });

  it("does not become the file that is dropped beside a device", async () => {
    const { annas } = here();
    await drop(annas, annas.getByRole("heading", { name: "Transfers" }), [await file("stray.html", "<h1>stray</h1>")]);
    await annas.getByRole("heading", { name: "Your devices" }).waitFor();
    expect(await annas.getByText("stray").count()).toBe(0);
  });

  it("asks before something is taken from a device of which one wants to be asked", async () => {
    const { annas, berts, bert } = here();
    await go(berts, "Settings");
    await berts.getByLabel("What happens to what anna sends").selectOption("Ask me first");
    await berts.getByText("Saved").waitFor();
    await go(berts, "Devices");
    await pick(annas, "Send files to bert", [await file("wanted.txt", "wanted")]);
    await rows(annas, "wanted.txt").getByText("Waiting for bert to accept").waitFor();
    await berts.getByRole("button", { name: "Accept wanted.txt" }).click();
    await rows(annas, "wanted.txt").getByText("Delivered to bert").waitFor();
    await pick(annas, "Send files to bert", [await file("unwanted.txt", "unwanted")]);
    await berts.getByText("anna wants to send you unwanted.txt").waitFor();
    expect(await berts.title()).toBe("(1) bert – lanxfer");
    await berts.getByRole("button", { name: "Decline unwanted.txt" }).click();
    await rows(annas, "unwanted.txt").getByText("Failed: declined by bert").waitFor();
    expect(await inbox(bert)).toContain("wanted.txt");
    expect(await inbox(bert)).not.toContain("unwanted.txt");
    await bert.tell("policy", "anna", "auto");
  });

  it("shows how far a transfer is, and ends it from either side, leaving nothing", async () => {
    const { anna, annas, berts, bert } = here();
    await anna.tell("config", "set", "limits.rate.send", "1000000");
    const slow = [await file("slow.bin", randomBytes(20 * MiB))];
    await pick(annas, "Send files to bert", slow);
    const row = rows(annas, "slow.bin").first();
    await row.getByText(/MB of 21 MB/).waitFor();
    await row.getByText(/kB\/s|MB\/s/).waitFor();
    await row.getByText(/left$/).waitFor();
    expect(Number(await row.getByRole("progressbar").getAttribute("value"))).toBeLessThan(100);
    await rows(berts, "slow.bin").getByText("Receiving").waitFor();
    await annas.getByRole("button", { name: "Cancel slow.bin" }).click();
    await row.getByText("Cancelled").waitFor();
    await rows(berts, "slow.bin").getByText("Cancelled by anna").waitFor();
    await annas.getByRole("button", { name: "Remove slow.bin from this list" }).click();
    await pick(annas, "Send files to bert", slow);
    await berts.getByRole("button", { name: "Cancel slow.bin" }).click();
    await rows(annas, "slow.bin").getByText("Cancelled by bert").waitFor();
    await anna.tell("config", "unset", "limits.rate.send");
    expect(await inbox(bert)).not.toContain("slow.bin");
  });

  it("pauses a transfer and lets it go on", async () => {
    const { anna, annas, bert } = here();
    await anna.tell("config", "set", "limits.rate.send", "1000000");
    await pick(annas, "Send files to bert", [await file("held.bin", randomBytes(4 * MiB))]);
    await rows(annas, "held.bin").getByText("Sending").waitFor();
    await annas.getByRole("button", { name: "Pause held.bin" }).click();
    await rows(annas, "held.bin").getByText("Paused").waitFor();
    await anna.tell("config", "unset", "limits.rate.send");
    await annas.getByRole("button", { name: "Resume held.bin" }).click();
    await rows(annas, "held.bin").getByText("Delivered to bert").waitFor();
    expect((await readFile(path.join(bert.inbox, "held.bin"))).length).toBe(4 * MiB);
  });

  it("tries again what has failed, when it is asked to", async () => {
    const { annas, bert } = here();
    await bert.tell("config", "set", "limits.transfer", "10");
    await pick(annas, "Send files to bert", [await file("large.txt", "more than ten bytes")]);
    await rows(annas, "large.txt").getByText("Failed: bert does not take this").waitFor();
    await bert.tell("config", "unset", "limits.transfer");
    await annas.getByRole("button", { name: "Retry large.txt" }).click();
    await rows(annas, "large.txt").getByText("Delivered to bert").waitFor();
    expect(await inbox(bert)).toContain("large.txt");
  });

  it("says why files are not taken, before they have all come, and takes them when that is over", async () => {
    const { anna, annas, bert } = here();
    await anna.tell("config", "set", "queue.space", "1000000");
    await pick(annas, "Send files to bert", [await file("heavy.bin", randomBytes(40 * MiB))]);
    await rows(annas, "heavy.bin").getByText("Not handed over: no room on this device").waitFor();
    await anna.tell("config", "unset", "queue.space");
    await annas.getByRole("button", { name: "Retry heavy.bin" }).click();
    await rows(annas, "heavy.bin").getByText("Delivered to bert").waitFor();
    expect((await readFile(path.join(bert.inbox, "heavy.bin"))).length).toBe(40 * MiB);
  });

  it("gives up what is being handed over when it is cancelled, and keeps nothing of it", async () => {
    const { anna, annas, bert } = here();
    const kept = () => readdir(path.join(anna.state, "outbox"));
    const before = await kept(); // what has failed can be tried again
    const session = await annas.context().newCDPSession(annas);
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 2 * MiB };
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", slow);
    await pick(annas, "Send files to bert", [await file("given-up.bin", randomBytes(30 * MiB))]);
    const row = rows(annas, "given-up.bin");
    await row.getByText("Being handed to lanxferd").waitFor();
    await row.getByText(/^[\d.]+ [kM]B of 31\.5 MB$/).waitFor();
    await annas.getByRole("button", { name: "Cancel given-up.bin" }).click();
    await row.waitFor({ state: "detached" });
    await session.detach();
    await expect.poll(kept).toEqual(before);
    expect(await inbox(bert)).not.toContain("given-up.bin");
    expect(await anna.tell("history")).not.toContain("given-up.bin");
  });

  it("keeps what is for a device that is away until it is back", async () => {
    const { annas, bert } = here();
    await bert.stop();
    await card(annas, "bert").getByText("Away: what you send waits for it").waitFor();
    await pick(annas, "Send files to bert", [await file("later.txt", "later")]);
    await rows(annas, "later.txt").getByText("Waits until bert is here").waitFor();
    await bert.start();
    await card(annas, "bert").getByText("Here").waitFor();
    await rows(annas, "later.txt").getByText("Delivered to bert").waitFor();
    expect(await inbox(bert)).toContain("later.txt");
  });

  it("finds its daemon again after that has ended, and says so meanwhile", async () => {
    const { berts } = here(); // whose daemon was started anew a moment ago
    await berts.getByText("This device is bert").waitFor();
    await berts.locator(".gone").waitFor({ state: "hidden" });
    await card(berts, "anna").getByText("Here").waitFor();
  });

  it("says that the daemon is gone when it is killed in the middle, comes back by itself, and the transfer ends well", async () => {
    const { anna, annas, bert } = here();
    await anna.tell("config", "set", "limits.rate.send", "2000000");
    await pick(annas, "Send files to bert", [await file("middle.bin", randomBytes(8 * MiB))]);
    await rows(annas, "middle.bin").getByText("Sending").waitFor();
    await anna.kill();
    await annas.getByText("lanxferd does not answer").waitFor();
    expect(await annas.getByRole("main").getAttribute("inert")).not.toBeNull();
    await anna.start();
    await annas.locator(".gone").waitFor({ state: "hidden" });
    await anna.tell("config", "unset", "limits.rate.send");
    await rows(annas, "middle.bin").getByText("Delivered to bert").waitFor();
    const arrived = await readFile(path.join(bert.inbox, "middle.bin"));
    expect(arrived.equals(await readFile(path.join(files, "middle.bin")))).toBe(true);
  });

  it("shows what was received, with its path, and gives it to whoever wants a copy", async () => {
    const { berts, bert } = here();
    await go(berts, "Received");
    const row = rows(berts, "a.txt").first();
    await row.getByText("from anna").waitFor();
    await row.getByText(path.join(bert.inbox, "a.txt"), { exact: true }).waitFor();
    await row.getByText("5 bytes").waitFor();
    const downloading = berts.waitForEvent("download");
    await berts.getByRole("link", { name: "Download a.txt" }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("a.txt");
    expect(await readFile(await download.path(), "utf8")).toBe("first");
  });

  it("shows what has ended, well or not", async () => {
    const { annas } = here();
    await go(annas, "History");
    await rows(annas, "picked").getByText("Delivered").waitFor();
    await rows(annas, "unwanted.txt").getByText("Failed: declined by bert").waitFor();
    await rows(annas, "slow.bin").getByText("Cancelled by bert").waitFor();
    await go(annas, "Devices");
  });

  it("changes settings, and says when one is not possible", async () => {
    const { annas, anna } = here();
    await go(annas, "Settings");
    const rate = annas.getByLabel("Sending rate", { exact: true });
    await rate.fill("1.5");
    await rate.press("Tab");
    await annas.getByText("Saved").waitFor();
    expect(await anna.tell("config", "get", "limits.rate.send")).toContain("1500000");
    await annas.getByRole("button", { name: "Sending rate: use the default" }).click();
    await annas.getByRole("button", { name: "Sending rate: use the default" }).waitFor({ state: "detached" });
    expect(await anna.tell("config", "get", "limits.rate.send")).toMatch(/\b0\b/);
    await annas.getByLabel("Devices that are not paired").selectOption("may ask to send something");
    await expect.poll(() => anna.tell("config", "get", "unpaired")).toContain("ask");
    await annas.getByLabel("Received at the same time").fill("0");
    await annas.getByLabel("Received at the same time").press("Tab");
    await annas.getByText("Not saved: bad setting limits.parallel").waitFor();
    expect(await annas.getByLabel("Name", { exact: true }).isDisabled()).toBe(true); // by the environment of the test
    await anna.tell("config", "unset", "unpaired");
  });

  it("renames and unpairs a device, after one more question", async () => {
    const { berts, bert, anna, annas } = here();
    await go(berts, "Settings");
    await berts.getByLabel("Name of anna on this machine").fill("Anna's laptop");
    await berts.getByLabel("Name of anna on this machine").press("Tab");
    await berts.getByText("Saved").waitFor();
    expect(await bert.tell("devices")).toContain("Anna's laptop");
    await berts.getByRole("button", { name: "Unpair Anna's laptop" }).click();
    await berts.getByRole("button", { name: "Keep", exact: true }).click();
    expect(await bert.tell("devices")).toContain("Anna's laptop");
    await berts.getByRole("button", { name: "Unpair Anna's laptop" }).click();
    await berts.getByRole("button", { name: "Unpair", exact: true }).click();
    await berts.getByText("No device is paired.").waitFor();
    await anna.tell("unpair", "bert");
    await go(annas, "Devices");
    await card(annas, "bert")
      .getByText(/^Not paired/)
      .waitFor();
  });

  it("pairs two devices by code in two steps, each of which is the other's way to be sure", async () => {
    const { annas, berts, anna, bert } = here();
    await annas.getByRole("button", { name: "Pair with bert" }).click();
    await annas.getByText("Step 1 of 2").waitFor();
    await go(berts, "Devices");
    await berts.getByRole("button", { name: "Pair a device" }).click();
    for (const page of [annas, berts]) await page.getByText("Step 2 of 2").waitFor();
    const [annasCode, bertsCode] = await Promise.all(
      [annas, berts].map(async (page) => (await page.getByLabel("Code of this device").textContent()) ?? ""),
    );
    expect(annasCode).toMatch(/^\d{3} \d{3}$/);
    const enter = async (page: Page, code = "") => {
      await page.getByLabel(/^Type the code that/).fill(code);
      await page.getByRole("button", { name: "Compare" }).click();
    };
    await enter(annas, annasCode);
    if (annasCode !== bertsCode) await annas.getByText("That is the code of this device").waitFor();
    await enter(annas, "12");
    await annas.getByText("A code has six digits").waitFor();
    await enter(annas, bertsCode);
    await annas.getByText("Right. Now the code of this device has to be typed on bert.").waitFor();
    await enter(berts, annasCode);
    await annas.getByText("Paired with bert").waitFor();
    await berts.getByText("Paired with anna").waitFor();
    for (const page of [annas, berts]) await page.getByRole("button", { name: "Done" }).click();
    await card(annas, "bert").getByText("Here").waitFor();
    expect([await anna.tell("devices"), await bert.tell("devices")]).toEqual([
      expect.stringContaining("bert"),
      expect.stringContaining("anna"),
    ]);
  });

  it("shows what the doctor finds", async () => {
    const { annas } = here();
    await go(annas, "Health");
    await rows(annas, "Inbox").first().waitFor();
    await annas.getByText(/^eth0 \(10\.77\.0\.1\)/).waitFor();
    await annas.getByRole("button", { name: "Look again" }).waitFor();
  });
});
