/** Devices that are not paired, on the page: how they come and go, how they are let in, and how they are kept apart. */

import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Device } from "../support/device.ts";
import { suiteFor } from "../support/privilege.ts";
import { readModules } from "../support/qr.ts";
import { sees, UiScene } from "../support/ui-scene.ts";
import { card, pick } from "../support/user.ts";

interface Scenery {
  readonly scene: UiScene;
  readonly anna: Device;
  readonly bert: Device;
  readonly annas: Page;
  readonly berts: Page;
}

async function open(): Promise<Scenery> {
  const scene = await UiScene.open();
  const anna = await scene.device("anna");
  const annas = await scene.page(anna);
  await annas.getByText("No device is paired yet").waitFor();
  const bert = await scene.device("bert");
  await sees(bert, anna);
  const berts = await scene.page(bert);
  await berts.getByText("This device is bert").waitFor(); // from now on it finds its daemon again
  return { scene, anna, bert, annas, berts };
}

suiteFor(["hosts", "browser"])("On the page, devices that are not paired", () => {
  let set: Scenery;
  beforeAll(async () => {
    set = await open();
  });
  afterAll(() => set.scene[Symbol.asyncDispose]());

  it("are shown as such when they come, and are gone when they go", async () => {
    const { annas, bert } = set;
    await card(annas, "bert")
      .getByText(/^Not paired: nobody has checked who this is/)
      .waitFor();
    await bert.stop();
    await card(annas, "bert").waitFor({ state: "detached" });
    await bert.start();
    await card(annas, "bert").waitFor();
  });

  it("do not pair when a wrong code is typed, and both are told", async () => {
    const { annas, berts, anna } = set;
    await annas.getByRole("button", { name: "Pair with bert" }).click();
    await berts.getByRole("button", { name: "Pair a device" }).click();
    const code = (await berts.getByLabel("Code of this device").textContent()) ?? "";
    const wrong = String((Number(code.replace(" ", "")) + 1) % 1_000_000).padStart(6, "0");
    await annas.getByLabel(/^Type the code that/).fill(wrong);
    await annas.getByRole("button", { name: "Compare" }).click();
    await annas.getByText("Not paired: that is not the code that bert shows").waitFor();
    await berts.getByText("An attempt has failed; still waiting.").waitFor();
    expect(await anna.tell("devices")).not.toContain("bert");
    await annas.getByRole("button", { name: "Start again" }).click();
    await annas.getByText(/Step [12] of 2/).waitFor();
    for (const page of [annas, berts]) {
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
  });

  it("may ask where they are let, and nothing says that they are who they seem", async () => {
    const { anna, annas, bert, berts } = set;
    await bert.tell("config", "set", "unpaired", "ask");
    await writeFile(path.join(anna.place.home, "hello.txt"), "hello");
    await pick(annas, "Send files to bert", [path.join(anna.place.home, "hello.txt")]);
    await berts.getByText("“anna” wants to send you hello.txt").waitFor();
    await berts.getByText("nobody has checked who it is").waitFor();
    await berts.getByRole("button", { name: "Accept and pair" }).click();
    await berts.getByLabel("News").getByText("hello.txt: Received from").waitFor();
    await card(berts, "anna").getByText("Here").waitFor();
    await card(annas, "bert")
      .getByText(/^Not paired/)
      .waitFor(); // trust is each one's own
    await bert.tell("unpair", "anna");
  });

  it("are let in by an invite: as a text, and as a picture of it", async () => {
    const { annas, berts } = set;
    await annas.getByRole("button", { name: "Pair a device" }).click();
    await annas.getByText("Invite", { exact: true }).click();
    const text = await annas.getByRole("textbox", { name: "Invite" }).inputValue();
    expect(text).toMatch(/^lanxfer-/);
    const picture = annas.getByRole("img", { name: "QR code of the invite" });
    const drawn = (await picture.locator("path").getAttribute("d")) ?? "";
    const dark = new Set([...drawn.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x} ${y}`));
    const size = Number((await picture.getAttribute("viewBox"))?.split(" ")[2]);
    const places = [...Array(size).keys()];
    expect(readModules(places.map((y) => places.map((x) => dark.has(`${x} ${y}`))))).toBe(text.toUpperCase());

    await berts.getByRole("button", { name: "Pair a device" }).click();
    await berts.getByText("I have an invite").click();
    const entry = berts.getByLabel("Invite of the other device");
    const pair = berts.getByRole("button", { name: "Pair", exact: true });
    await entry.fill(`${text}x`);
    await pair.click();
    await berts.getByText("Not paired: the invite was not accepted").waitFor();
    await entry.fill(text);
    await pair.click();
    await berts.getByLabel("News").getByText("Paired with anna").waitFor();
    await annas.getByText("Paired with bert").waitFor();
    await card(berts, "anna").getByText("Here").waitFor();
  });
});
