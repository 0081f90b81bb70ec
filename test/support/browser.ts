/**
 * A real browser on a host of a Lan: Debian's Chromium, driven by Playwright.
 * Whatever it complains of, policies that a page breaks among it, is kept.
 */

import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { type BrowserContextOptions, type Browser as Chromium, chromium, type Page } from "playwright-core";
import type { Device } from "./device.ts";
import type { Host } from "./hosts.ts";

export const CHROMIUM = "/usr/bin/chromium";

/** How long a user waits for what is to be seen (milliseconds). */
const PATIENCE = 15_000;
/** Nothing that it does by itself is wanted: no updates, no reports, no lists of bad sites. */
const QUIET = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-sync",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--metrics-recording-only",
  "--no-first-run",
  "--no-pings",
  "--no-proxy-server",
  "--safebrowsing-disable-auto-update",
];

export class Browser implements AsyncDisposable {
  /** Errors of scripts, and everything that a policy has kept from happening. */
  readonly complaints: string[] = [];
  readonly #chromium: Chromium;

  private constructor(browser: Chromium) {
    this.#chromium = browser;
  }

  /** Runs on that host: its loopback is the one that it sees. */
  static async on(host: Host): Promise<Browser> {
    const command = host.namespace.enter([CHROMIUM]).map((word) => `'${word}'`);
    const program = path.join(host.home, "chromium");
    await writeFile(program, `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`);
    await chmod(program, 0o755);
    const env = { PATH: process.env["PATH"] ?? "", HOME: host.home, LANG: "C.UTF-8" };
    const browser = await chromium.launch({
      executablePath: program,
      headless: true,
      chromiumSandbox: process.getuid?.() !== 0,
      args: QUIET,
      env,
    });
    return new Browser(browser);
  }

  /** A page of its own, with nothing that another one has. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#chromium.newContext({ viewport: { width: 1_120, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      // That an address did not answer, or refused, is what some tests are about.
      const isAnswer = text.startsWith("Failed to load resource");
      if (["error", "warning"].includes(message.type()) && !isAnswer) this.complaints.push(text);
    });
    return page;
  }

  /** The page of a device, as its user opens it. */
  async open(device: Device, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.page(options);
    await page.goto(await addressOf(device));
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chromium.close();
  }
}

/** Where the page of a device is to be had, once. */
export async function addressOf(device: Device): Promise<string> {
  return (await device.tell("ui", "--no-open")).trim();
}
