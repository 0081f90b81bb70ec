import { lstat, mkdir, readdir, readFile, readlink, rename, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { SecretFile } from "../../../src/ctl/secret-file.ts";
import { temporaryDirectories, unprivileged } from "../../support/temporary.ts";

describe("A file for a secret", () => {
  const directory = temporaryDirectories();

  it("has the secret and is the user's alone, whatever the umask", async () => {
    const file = path.join(await directory(), "invite");
    const before = process.umask(0);
    try {
      const secret = await SecretFile.create(file);
      expect((await lstat(file)).mode & 0o777).toBe(0o600);
      await secret.finish("hush\n");
    } finally {
      process.umask(before);
    }
    expect((await lstat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toBe("hush\n");
  });

  it.each([
    ["a file", (file: string) => writeFile(file, "mine")],
    ["a folder", (file: string) => mkdir(file)],
    [
      "a link to a file",
      (file: string) => writeFile(`${file}.target`, "mine").then(() => symlink(`${file}.target`, file)),
    ],
    ["a link that leads nowhere", (file: string) => symlink(`${file}.target`, file)],
  ])("is not made where there is %s, which stays as it is", async (_what, put) => {
    const dir = await directory();
    const file = path.join(dir, "invite");
    await put(file);
    const [before, names] = [await lstat(file), await readdir(dir)];
    await expect(SecretFile.create(file)).rejects.toMatchObject({
      code: "E_OUTPUT",
      message: `cannot write ${file}: there is something of this name already`,
    });
    expect(await lstat(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs, size: before.size });
    expect(await readdir(dir)).toEqual(names);
    if (before.isSymbolicLink()) expect(await readlink(file)).toBe(`${file}.target`);
  });

  it("is not made in a folder that is missing, is none, or is not ours to write to", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "plain"), "");
    const refused = (file: string) => SecretFile.create(path.join(dir, file)).catch((error: Error) => error.message);
    expect(await refused("nowhere/invite")).toMatch(/^cannot write .*: there is no such folder$/);
    expect(await refused("plain/invite")).toMatch(/^cannot write .*: there is no such folder$/);
    await mkdir(path.join(dir, "closed"), { mode: 0o555 });
    expect(await unprivileged(dir, () => refused("closed/invite"))).toMatch(/^cannot write .*: not allowed$/);
  });

  it("is gone when there came to be no secret, also when that is said twice", async () => {
    const dir = await directory();
    const secret = await SecretFile.create(path.join(dir, "invite"));
    await secret.discard();
    await secret.discard();
    expect(await readdir(dir)).toEqual([]);
  });

  it("does not take along what somebody put in its place", async () => {
    const dir = await directory();
    const file = path.join(dir, "invite");
    const secret = await SecretFile.create(file);
    await rename(file, `${file}.moved`);
    await writeFile(file, "mine");
    await secret.discard();
    expect(await readFile(file, "utf8")).toBe("mine");
  });
});
