import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../src/core/errors.ts";
import { Place, poll } from "./support/place.ts";

const URL_OF_PAGE = "http://127.0.0.1:40000/abcdefghijklmnopqrstuv/#token";
const opened = () => Promise.resolve({ url: URL_OF_PAGE, expiresAt: new Date(Date.now() + 120_000).toISOString() });
const ADVICE = "open it in a browser of this machine: it lets one in, once, within 2 minutes\n";

/** A place whose PATH has an `xdg-open` that runs `script`; what it is told is kept. */
async function desktop(script: string): Promise<{ place: Place; env: NodeJS.ProcessEnv; told: () => Promise<string> }> {
  const place = await Place.open();
  await place.daemon({ openPage: opened });
  const bin = path.join(place.home, "bin");
  await mkdir(bin);
  const log = path.join(place.home, "opened");
  await writeFile(path.join(bin, "xdg-open"), `#!/bin/sh\necho "$@" >${log}\n${script}\n`);
  await chmod(path.join(bin, "xdg-open"), 0o755);
  const env = { PATH: `${bin}:${process.env["PATH"]}`, DISPLAY: ":0" };
  return { place, env, told: () => readFile(log, "utf8").catch(() => "") };
}

describe("lanxferctl ui", () => {
  it("prints the address, and says what to do with it, when it is not to open anything", async () => {
    const { place, env, told } = await desktop("");
    const { stdout, stderr, code } = await place.ctl(["ui", "--no-open"], { env });
    expect([stdout, stderr, code]).toEqual([`${URL_OF_PAGE}\n`, ADVICE, 0]);
    expect(await told()).toBe("");
  });

  it("opens a browser, and does not stay with it", async () => {
    const { place, env, told } = await desktop("exec sleep 5");
    const { stdout, stderr, code } = await place.ctl(["ui"], { env });
    expect([stdout, stderr, code]).toEqual([`${URL_OF_PAGE}\n`, "", 0]);
    await poll(told).toBe(`${URL_OF_PAGE}\n`);
  });

  it.each([
    ["there is no desktop", "", { DISPLAY: "" }],
    ["the program that opens it fails", "exit 3", {}],
  ])("says so when %s", async (_, script, change) => {
    const { place, env } = await desktop(script);
    const { stdout, stderr, code } = await place.ctl(["ui"], { env: { ...env, ...change } });
    expect([stdout, stderr, code]).toEqual([`${URL_OF_PAGE}\n`, `no browser was opened\n${ADVICE}`, 0]);
  });

  it("says so when there is no program that opens addresses", async () => {
    const { place } = await desktop("");
    const { stdout, stderr, code } = await place.shell("DISPLAY=:0 PATH=/nowhere $CTL ui");
    expect([stdout, stderr, code]).toEqual([`${URL_OF_PAGE}\n`, `no browser was opened\n${ADVICE}`, 0]);
  });

  it("says why there is no page", async () => {
    const place = await Place.open();
    await place.daemon({ openPage: () => Promise.reject(new LanxferError("E_PAGE", { text: "EADDRINUSE" })) });
    const { stdout, stderr, code } = await place.ctl(["ui"]);
    expect([stdout, stderr, code]).toEqual(["", "lanxferctl: error: the page cannot be shown: EADDRINUSE\n", 1]);
  });
});

describe("The page as it is built", () => {
  it("is small, whole, and loads nothing from elsewhere", async () => {
    const files = ["index.html", "page.js", "page.css", "icon.svg"];
    const texts = await Promise.all(files.map((name) => readFile(new URL(`../../dist/ui/${name}`, import.meta.url))));
    const weight = texts.reduce((sum, text) => sum + gzipSync(text).length, 0);
    expect(weight).toBeLessThan(60_000);
    const addresses = texts.flatMap((text) => text.toString().match(/https?:\/\/[^"'\s)]+/g) ?? []);
    // Names of XML, which are no addresses.
    expect(addresses.filter((address) => !address.startsWith("http://www.w3.org/"))).toEqual([]);
    expect(texts[0]?.toString()).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  });
});
