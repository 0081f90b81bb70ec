import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourcePath } from "../../../src/ctl/source-path.ts";

describe("The full path of something to send", () => {
  let root: string;
  const at = (name: string) => path.join(root, name);

  beforeAll(async () => {
    root = await realpath(await mkdtemp(path.join(tmpdir(), "source-")));
    await mkdir(at("far/away"), { recursive: true });
    await writeFile(at("far/file"), "");
    await symlink(at("far/away"), at("link"));
    await symlink("far/file", at("alias"));
  });
  afterAll(() => rm(root, { recursive: true }));

  it("is that of the working directory and the text, without looking at the disk", async () => {
    expect(await sourcePath("missing/./x//")).toBe(path.join(process.cwd(), "missing/x"));
    expect(await sourcePath(".")).toBe(process.cwd());
    expect(await sourcePath(at("link/"))).toBe(at("link"));
    expect(await sourcePath("a..b/..c")).toBe(path.join(process.cwd(), "a..b/..c"));
  });

  it("follows links before .., as the system does", async () => {
    expect(await sourcePath(at("link").concat("/../file"))).toBe(at("far/file"));
    expect(await sourcePath(at("link").concat("/.."))).toBe(at("far"));
    expect(await sourcePath(at("link").concat("/../../far/.."))).toBe(root);
  });

  it("keeps the name of a link that is itself to be sent", async () => {
    expect(await sourcePath(at("far").concat("/../alias"))).toBe(at("alias"));
  });

  it("is refused where there is nothing", async () => {
    const missing = at("nowhere").concat("/../x");
    await expect(sourcePath(missing)).rejects.toMatchObject({ code: "E_SOURCE_MISSING", details: { path: missing } });
    await expect(sourcePath(at("far/file").concat("/../x"))).rejects.toMatchObject({ code: "E_SOURCE_MISSING" });
    await symlink(at("loop"), at("loop"));
    await expect(sourcePath(at("loop").concat("/../x"))).rejects.toMatchObject({ code: "E_SOURCE_UNREADABLE" });
  });
});
