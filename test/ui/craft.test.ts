/** How well the page is made: for the keyboard, for screen readers, for other languages, for small screens, and how soon it is there. */

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Device } from "../support/device.ts";
import { measured } from "../support/measured.ts";
import { suiteFor } from "../support/privilege.ts";
import { barriers, shoot, UiScene } from "../support/ui-scene.ts";
import { card, go, rows } from "../support/user.ts";

const WIDE = { width: 1_120, height: 800 };
const NARROW = { width: 360, height: 740 };
const PLACES = ["Devices", "Received", "History", "Settings", "Health"] as const;

suiteFor(["hosts", "browser"])("The page", () => {
  let scene: UiScene;
  let anna: Device;
  let page: Page;

  beforeAll(async () => {
    scene = await UiScene.open();
    const [first, bert] = await scene.pair();
    anna = first;
    await scene.device("cara");
    const files = path.join(anna.place.home, "files");
    await mkdir(path.join(files, "Photos"), { recursive: true });
    await writeFile(path.join(files, "Report.pdf"), Buffer.alloc(64_000_000));
    await writeFile(path.join(files, "Photos", "1.jpg"), Buffer.alloc(1_200_000));
    await writeFile(path.join(bert.place.home, "Notes.txt"), "notes");
    await bert.ended((await bert.send(anna, [path.join(bert.place.home, "Notes.txt")])).id);
    await bert.tell("policy", "anna", "ask");
    await anna.tell("policy", "bert", "ask");
    page = await scene.page(anna, { viewport: WIDE });
    await page.getByRole("heading", { name: "Your devices" }).waitFor();
    await anna.tell("config", "set", "limits.rate.send", "2000000");
    const { id } = await anna.send(bert, [path.join(files, "Report.pdf")]);
    await bert.tell("accept", id.slice(0, 8)).catch(() => {}); // its own id of it may not be there yet
    await anna.send(bert, [path.join(files, "Photos")]);
    await bert.send(anna, [path.join(bert.place.home, "Notes.txt")]);
    await page.getByText("bert wants to send you Notes.txt").waitFor();
    await card(page, "cara").waitFor();
    await rows(page, "Report.pdf").getByText(/left$/).waitFor();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  it.each(["light", "dark"] as const)(
    "has no barrier that axe-core knows of, in %s colours, wide or narrow",
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      for (const place of PLACES) {
        await page.setViewportSize(WIDE);
        await go(page, place);
        if (place === "Health") await page.getByRole("button", { name: "Look again" }).waitFor();
        await page.getByRole("heading", { level: 2 }).first().waitFor();
        expect([place, await barriers(page)]).toEqual([place, []]);
        await shoot(page, `${place.toLowerCase()}-${colorScheme}`);
        await page.setViewportSize(NARROW);
        expect([place, await barriers(page)]).toEqual([place, []]);
        const width = Number(await page.evaluate("document.documentElement.scrollWidth"));
        expect([place, width]).toEqual([place, NARROW.width]);
        await shoot(page, `${place.toLowerCase()}-${colorScheme}-narrow`);
      }
      await page.setViewportSize(WIDE);
      await go(page, "Devices");
      await page.getByRole("button", { name: "Pair with cara" }).click();
      for (const way of ["By code", "Invite", "I have an invite"]) {
        await page.locator(".ways").getByText(way, { exact: true }).click();
        if (way === "Invite") await page.getByRole("img", { name: "QR code" }).waitFor();
        expect([way, await barriers(page)]).toEqual([way, []]);
        await shoot(page, `pair-${way.replaceAll(" ", "-").toLowerCase()}-${colorScheme}`);
      }
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    },
  );

  it("would be told of a barrier", async () => {
    await page.evaluate(`document.querySelector("main").append(document.createElement("button"))`);
    expect(await barriers(page)).toEqual([expect.stringContaining("button-name")]);
    await page.reload();
    await page.getByText("bert wants to send you Notes.txt").waitFor();
  });

  it("can be used without a mouse, and shows where one is", async () => {
    const focused = () =>
      page.evaluate(`(() => {
        const { activeElement: it } = document;
        const { outlineStyle } = getComputedStyle(it);
        return [it.getAttribute("aria-label") ?? it.textContent.trim(), outlineStyle !== "none"];
      })()`) as Promise<[string, boolean]>;
    await page.evaluate("document.activeElement.blur()");
    const seen: string[] = [];
    for (let i = 0; i < 30 && !seen.includes("Send files to bert"); i++) {
      await page.keyboard.press("Tab");
      const [name, isShown] = await focused();
      expect([name, isShown]).toEqual([name, true]);
      seen.push(name);
    }
    expect(seen.slice(0, 2)).toEqual(["Skip to the content", "Devices"]);
    expect(seen).toEqual(expect.arrayContaining(["Accept Notes.txt", "Decline Notes.txt", "Pair a device"]));
    const [dialog] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
    expect(dialog.isMultiple()).toBe(true);
    await page.getByRole("button", { name: "Pair a device" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Pair a device" }).waitFor();
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      const isWithin = await page.evaluate(
        `document.activeElement === document.body || document.activeElement.closest("dialog") !== null`,
      );
      expect(isWithin).toBe(true);
    }
    await page.keyboard.press("Escape");
    await expect.poll(focused).toEqual([expect.stringContaining("Pair a device"), true]);
  });

  it("writes numbers and times as its reader does", async () => {
    const german = await scene.page(anna, { locale: "de-DE", timezoneId: "Europe/Berlin" });
    await rows(german, "Photos").getByText("0 Byte of 1,2 MB").waitFor();
    await go(german, "Received");
    await rows(german, "Notes.txt").getByText("5 Byte").waitFor();
    const time = (await rows(german, "Notes.txt").locator("time").textContent()) ?? "";
    expect(time).toMatch(/^\d{1,2}:\d{2}$/);
    await german.context().close();
  });

  it("is there at once, and stays where it is", async () => {
    const fresh = await (await scene.browser(anna)).page();
    await fresh.addInitScript(`
      window.shifts = 0;
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts += value;
      }).observe({ type: "layout-shift", buffered: true });
    `);
    await fresh.goto((await anna.tell("ui", "--no-open")).trim());
    await rows(fresh, "Photos").waitFor();
    await fresh.waitForTimeout(500);
    const paint = Number(
      await fresh.evaluate(
        `performance.getEntriesByType("paint").find(({ name }) => name === "first-contentful-paint").startTime`,
      ),
    );
    measured("page: first contentful paint", paint, "300 ms");
    expect(paint).toBeLessThan(3_000); // what is promised is measured where nothing else runs
    expect(Number(await fresh.evaluate("window.shifts"))).toBeLessThan(0.02);
    await fresh.context().close();
  });
});
