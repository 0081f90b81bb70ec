import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../../src/core/log.ts";
import { Contacts } from "../../../src/daemon/record/contacts.ts";
import { idOf } from "../discovery/support/packets.ts";

const nas = idOf("nas");
const at = (last: number) => ({ host: `192.0.2.${last}`, port: 25_726 });

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lanxfer-contacts-"));
  path = join(directory, "contacts.json");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("the address book", () => {
  it("remembers the last four places of a device, the newest first, also for the next run", async () => {
    const contacts = await Contacts.open(path, silentLog);
    expect(contacts.last(nas)).toBeUndefined();
    for (const last of [1, 2, 3, 1, 4, 5]) await contacts.met(nas, at(last));
    const again = await Contacts.open(path, silentLog);
    expect(again.known()).toEqual([[nas, [at(5), at(4), at(1), at(3)]]]);
    expect(again.last(nas)).toEqual(at(5));
    await again.forget(nas);
    expect((await Contacts.open(path, silentLog)).known()).toEqual([]);
  });

  it("reads the file of a version that kept one place", async () => {
    await writeFile(path, JSON.stringify({ v: 1, added: { desk: at(9) }, known: { [nas]: at(1) } }));
    const contacts = await Contacts.open(path, silentLog);
    expect(contacts.added()).toEqual([["desk", at(9)]]);
    expect(contacts.known()).toEqual([[nas, [at(1)]]]);
    await contacts.met(nas, { host: "fe80::7%eth0", port: 1 });
    expect(JSON.parse(await readFile(path, "utf8")).known[nas]).toEqual([{ host: "fe80::7%eth0", port: 1 }, at(1)]);
  });

  it.each([
    ["is damaged", "{"],
    ["is one of a newer lanxfer", JSON.stringify({ v: 2, added: { desk: { host: "desk.lan", port: 25_726 } } })],
  ])("begins anew, with a warning, when the file %s, which is kept", async (_, text) => {
    const warned: { readonly kept?: string }[] = [];
    await writeFile(path, text);
    const log = { ...silentLog, warn: (fields: object) => void warned.push(fields) };
    const contacts = await Contacts.open(path, log);
    expect(contacts.added()).toEqual([]);
    await contacts.add("nas", at(1));
    expect(warned).toHaveLength(1);
    const kept = warned[0]?.kept ?? "";
    expect(kept).toMatch(/\/contacts\.json\.\d+$/);
    expect(await readFile(kept, "utf8")).toBe(text);
    expect((await Contacts.open(path, silentLog)).added()).toEqual([["nas", at(1)]]);
  });

  it("is not begun anew where the file could not be put aside", async () => {
    await writeFile(path, "{");
    const { mtimeMs } = await stat(path);
    await mkdir(join(`${path}.${Math.floor(mtimeMs)}`, "taken"), { recursive: true });
    await expect(Contacts.open(path, silentLog)).rejects.toMatchObject({ code: "E_STATE" });
    expect(await readFile(path, "utf8")).toBe("{");
  });
});
