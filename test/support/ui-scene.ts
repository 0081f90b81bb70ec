/** Hosts on one link, each with a daemon, and browsers on them: what the tests of the page begin with. */

import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { Browser } from "./browser.ts";
import { Device } from "./device.ts";
import { type Host, Lan } from "./hosts.ts";
import { eventually } from "./process.ts";

const SHOTS = "build/screenshots";
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export class UiScene implements AsyncDisposable {
  readonly #lan: Lan;
  readonly #hosts = new Map<Device, Host>();
  readonly #places = new Map<string, Host>();
  readonly #browsers = new Map<Device, Browser>();
  readonly #expected: RegExp[] = [];

  private constructor(lan: Lan) {
    this.#lan = lan;
  }

  static async open(): Promise<UiScene> {
    return new UiScene(await Lan.open());
  }

  /** The host of that name, on which nothing runs yet. */
  async place(name: string): Promise<Host> {
    const host = this.#places.get(name) ?? (await this.#lan.host(name));
    this.#places.set(name, host);
    return host;
  }

  /** Complaints of browsers that a test has brought about. */
  expect(complaints: RegExp): void {
    this.#expected.push(complaints);
  }

  /** A device of that name, which runs. */
  async device(name: string, env: NodeJS.ProcessEnv = {}): Promise<Device> {
    const host = await this.place(name);
    const device = new Device(host, env);
    this.#hosts.set(device, host);
    await device.start();
    return device;
  }

  /** Two devices that are paired and see each other. */
  async pair(): Promise<[anna: Device, bert: Device]> {
    const [anna, bert] = [await this.device("anna"), await this.device("bert")];
    await sees(anna, bert);
    await anna.pairWith(bert);
    await sees(bert, anna);
    return [anna, bert];
  }

  /** The page of a device, in a browser on its host. */
  async page(device: Device, options: BrowserContextOptions = {}): Promise<Page> {
    return (await this.browser(device)).open(device, options);
  }

  async browser(device: Device): Promise<Browser> {
    const host = this.#hosts.get(device);
    if (host === undefined) throw new Error(`there is no host ${device.name}`);
    const browser = this.#browsers.get(device) ?? (await Browser.on(host));
    this.#browsers.set(device, browser);
    return browser;
  }

  /** Takes everything down; throws when a browser complained of something. */
  async [Symbol.asyncDispose](): Promise<void> {
    const browsers = [...this.#browsers.values()];
    const complaints = browsers.flatMap((browser) => browser.complaints);
    await Promise.allSettled(browsers.map((browser) => browser[Symbol.asyncDispose]()));
    await this.#lan.close();
    expect(complaints.filter((text) => !this.#expected.some((known) => known.test(text)))).toEqual([]);
  }
}

export async function sees(device: Device, other: Device): Promise<void> {
  await eventually(`${device.name} sees ${other.name}`, async () => {
    const { peers } = await device.control.call("get", "/v1/peers", {});
    return peers.some(({ name }) => name === other.name) || undefined;
  });
}

/** A picture of the page, kept with what a build leaves. */
export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}/${name}.png`, animations: "disabled" });
}

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** What of the page is hard or impossible to use for some people, by the rules of axe-core. */
export async function barriers(page: Page): Promise<string[]> {
  // Into a world of its own, where the policy of the page does not hold.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
  });
  const evaluate = async (expression: string) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      ...{ expression, contextId, awaitPromise: true, returnByValue: true },
    });
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  await evaluate(`${await readFile(AXE, "utf8")}; undefined`);
  const { violations }: AxeResult = await evaluate("axe.run(document)");
  await session.detach();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
