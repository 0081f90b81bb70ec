import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

  it("begins anew, with a warning, when the file cannot be understood", async () => {
    const warned: string[] = [];
    await writeFile(path, "{");
    const log = { ...silentLog, warn: (_: object, message: string) => warned.push(message) };
    const contacts = await Contacts.open(path, log);
    expect(contacts.added()).toEqual([]);
    expect(warned).toEqual(["address book not readable, starting a new one"]);
  });
});
