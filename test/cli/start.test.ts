import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Place } from "./support/place.ts";
import * as views from "./support/views.ts";

/** What a run loaded: the URLs of its own files and of its libraries, as V8 tells for coverage. */
async function loaded(place: Place, args: readonly string[]): Promise<string[]> {
  const directory = path.join(place.home, "coverage");
  expect(await place.ctl(args, { env: { NODE_V8_COVERAGE: directory } })).toMatchObject({ code: 0 });
  const [report = ""] = await readdir(directory);
  const { result } = JSON.parse(await readFile(path.join(directory, report), "utf8")) as { result: { url: string }[] };
  return result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
}

describe("The start of lanxferctl", () => {
  it("loads no library, and no command but the one that runs", async () => {
    const place = await Place.open();
    await place.daemon({ peers: async () => [views.peer()] });
    const files = await loaded(place, ["peers"]);
    expect(files.filter((url) => url.includes("node_modules"))).toEqual([]);
    expect(files.filter((url) => url.includes("/commands/"))).toEqual([expect.stringMatching(/\/peers\.js$/)]);
  });

  it("loads what measures text only for names that need it", async () => {
    const place = await Place.open();
    await place.daemon({ peers: async () => [views.peer({ name: "zoë" })] });
    const libraries = (await loaded(place, ["peers"])).filter((url) => url.includes("node_modules"));
    expect(libraries.some((url) => url.includes("string-width"))).toBe(true);
    expect(libraries.some((url) => url.includes("yargs"))).toBe(false);
  });
});
