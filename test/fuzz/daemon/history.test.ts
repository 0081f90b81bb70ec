import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RotatedLines } from "../../../src/daemon/record/rotated-lines.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();

describe("lines in files", () => {
  it("are those between the line feeds, whatever bytes a file has", async () => {
    const file = path.join(await directory(), "lines");
    const content = fc.array(
      fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.constant("\n"),
        fc.nat(70_000).map((length) => "x".repeat(length)),
      ),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(content, fc.string(), async (parts, added) => {
        await writeFile(file, parts.join(""));
        const lines = await RotatedLines.open(file, { bytes: 10_000_000, files: 2 });
        await lines.append(added.replaceAll("\n", " "));
        const found: string[] = [];
        for await (const { text } of lines.newestFirst()) found.push(text ?? "");
        await lines.close();
        const all = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
        expect(found).toEqual(all.reverse());
      }),
      { numRuns: 200 },
    );
  });
});
