import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { LanxferError } from "../../../src/core/errors.ts";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { carriesKey } from "../../../src/identity/certificate.ts";
import { loadDeviceKey } from "../../../src/identity/device-key.ts";
import { differences, readTree, untouched } from "../../support/tree.ts";
import { directories, failure, listing, uid } from "./support/directory.ts";

const directory = directories();

const keyIn = (dir: string) => path.join(dir, "key.pem");
const certIn = (dir: string) => path.join(dir, "cert.pem");
const mode = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);
const pkcs8 = (pair: { privateKey: ReturnType<typeof createPrivateKey> }) =>
  pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** That starting is refused for the key file, with a way out, and that not a byte or a mode was touched. */
async function expectRefused(dir: string, text: RegExp): Promise<LanxferError> {
  const before = await readTree(dir);
  const error = await failure(loadDeviceKey(dir, uid));
  expect(error.code).toBe("E_STATE");
  expect(error.details["path"]).toBe(keyIn(dir));
  expect(error.details["text"]).toMatch(text);
  expect(error.details["hint"]).toMatch(/restore|chmod|needs a regular file/);
  expect(differences(before, await readTree(dir), untouched)).toEqual([]);
  return error;
}

const NOBODY = 65_534; // the user that owns nothing

describe("the first start", () => {
  it("makes a key and a certificate that only this user can use, and nothing else", async () => {
    const dir = path.join(await directory(), "state", "lanxfer");
    const key = await loadDeviceKey(dir, uid);
    expect(await listing(dir)).toEqual(["cert.pem", "key.pem"]);
    expect([await mode(dir), await mode(keyIn(dir)), await mode(certIn(dir))]).toEqual(["700", "600", "644"]);
    expect(key.keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(await readFile(keyIn(dir), "utf8")).toBe(key.keyPem);
    expect(await readFile(certIn(dir), "utf8")).toBe(key.certPem);
  });

  it("gives an id that follows from the public key in the certificate", async () => {
    const { id, keyPem, certPem } = await loadDeviceKey(await directory(), uid);
    const certificate = new X509Certificate(certPem);
    const spki = certificate.publicKey.export({ type: "spki", format: "der" });
    expect(id).toBe(deviceIdFromHash(createHash("sha256").update(spki).digest()));
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
  });

  it("is won by one of many that start at once, and all go on with its key", async () => {
    for (let round = 0; round < 10; round++) {
      const dir = path.join(await directory(), "state");
      const keys = await Promise.all(Array.from({ length: 8 }, () => loadDeviceKey(dir, uid)));
      expect(new Set(keys.map(({ keyPem }) => keyPem)).size).toBe(1);
      expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
      expect(await listing(dir)).toEqual(["cert.pem", "key.pem"]);
      expect((await loadDeviceKey(dir, uid)).id).toBe(keys[0]?.id);
    }
  });
});

describe("every later start", () => {
  it("reads what is there and writes nothing", async () => {
    const dir = await directory();
    const first = await loadDeviceKey(dir, uid);
    const before = await readTree(dir);
    expect(await loadDeviceKey(dir, uid)).toEqual(first);
    expect(differences(before, await readTree(dir), untouched)).toEqual([]);
  });

  it.each([
    ["missing", (file: string) => rm(file)],
    ["empty", (file: string) => writeFile(file, "")],
    ["garbage", (file: string) => writeFile(file, "not a certificate")],
    ["a symbolic link", (file: string) => rm(file).then(() => symlink("/etc/passwd", file))],
    ["of another key", async (file: string) => writeFile(file, (await loadDeviceKey(await directory(), uid)).certPem)],
  ])("makes the certificate again, of the same key, when it is %s", async (_, damage) => {
    const dir = await directory();
    const first = await loadDeviceKey(dir, uid);
    await damage(certIn(dir));
    const again = await loadDeviceKey(dir, uid);
    expect([again.id, again.keyPem]).toEqual([first.id, first.keyPem]);
    expect(carriesKey(again.certPem, new X509Certificate(first.certPem).publicKey)).toBe(true);
    expect((await lstat(certIn(dir))).isFile()).toBe(true);
    expect(await readFile(certIn(dir), "utf8")).toBe(again.certPem);
    expect(await listing(dir)).toEqual(["cert.pem", "key.pem"]);
  });

  it("takes a key in the older encoding for the same device", async () => {
    const dir = await directory();
    const first = await loadDeviceKey(dir, uid);
    await writeFile(keyIn(dir), createPrivateKey(first.keyPem).export({ type: "sec1", format: "pem" }));
    expect(await loadDeviceKey(dir, uid)).toEqual(first);
  });
});

describe("a key that cannot be relied on stops the start and is left alone:", () => {
  it.each([
    ["empty", "", /it is empty/],
    ["blank", "\n\n", /it is empty/],
    ["garbage", "hello", /no private key/],
    ["binary garbage", Buffer.from([0, 255, 254, 1]), /no private key/],
    [
      "a public key",
      generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey.export({ type: "spki", format: "pem" }),
      /no private key/,
    ],
    ["on another curve", pkcs8(generateKeyPairSync("ec", { namedCurve: "secp384r1" })), /another kind/],
    ["of another type", pkcs8(generateKeyPairSync("ed25519")), /another kind/],
    ["of RSA", pkcs8(generateKeyPairSync("rsa", { modulusLength: 2048 })), /another kind/],
    ["too large", "x".repeat(2_000_000), /too large/],
  ])("one that is %s", async (_, content, text) => {
    const dir = await directory();
    await loadDeviceKey(dir, uid);
    await writeFile(keyIn(dir), content);
    await expectRefused(dir, text);
  });

  it("one that was cut short, at any length", async () => {
    const dir = await directory();
    const { keyPem } = await loadDeviceKey(dir, uid);
    for (let length = 0; length < keyPem.trimEnd().length; length += 7) {
      await writeFile(keyIn(dir), keyPem.slice(0, length));
      const error = await failure(loadDeviceKey(dir, uid));
      expect(error.code).toBe("E_STATE");
      expect(await readFile(keyIn(dir), "utf8")).toBe(keyPem.slice(0, length));
    }
  });

  it("one in which a bit of the private half was flipped", async () => {
    const dir = await directory();
    const { keyPem } = await loadDeviceKey(dir, uid);
    const der = createPrivateKey(keyPem).export({ type: "pkcs8", format: "der" });
    der.writeUInt8(der.readUInt8(50) ^ 1, 50); // within the 32 octets of the private number
    await writeFile(keyIn(dir), `-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`);
    await expectRefused(dir, /do not belong together/);
  });

  it.each([["644"], ["640"], ["604"], ["660"], ["601"]])("one with mode %s", async (octal) => {
    const dir = await directory();
    await loadDeviceKey(dir, uid);
    await chmod(keyIn(dir), Number.parseInt(octal, 8));
    const error = await expectRefused(dir, new RegExp(`other users may access it \\(mode ${octal}\\)`));
    expect(error.details["hint"]).toContain(`chmod 600 ${keyIn(dir)}`);
  });

  it("one of another user", async () => {
    const dir = await directory();
    await loadDeviceKey(dir, uid);
    const error = await failure(loadDeviceKey(dir, uid + 1));
    expect(error.code).toBe("E_STATE");
    expect(error.message).toContain(`another user (uid ${uid})`);
    expect(error.details["hint"]).toContain("chown");
  });

  it("one that may not be read", async () => {
    const dir = await directory();
    await loadDeviceKey(dir, uid);
    await chmod(keyIn(dir), 0);
    const error = await asOrdinaryUser(dir, (own) => failure(loadDeviceKey(dir, own)));
    expect(error.code).toBe("E_STATE");
    expect(error.message).toContain("EACCES");
  });

  it("one behind a symbolic link, dangling or not", async () => {
    const dir = await directory();
    await loadDeviceKey(dir, uid);
    await rename(keyIn(dir), path.join(dir, "elsewhere.pem"));
    for (const target of ["elsewhere.pem", "nowhere.pem"]) {
      await rm(keyIn(dir), { force: true });
      await symlink(target, keyIn(dir));
      await expectRefused(dir, /symbolic link/);
    }
  });

  it("one that is a directory", async () => {
    const dir = await directory();
    await mkdir(keyIn(dir));
    await expectRefused(dir, /not a regular file/);
  });
});

describe("a key that is missing though there was one", () => {
  it.each(["cert.pem", "devices.json", "devices.json.bak"])("is not made anew beside %s", async (trace) => {
    const dir = await directory();
    await writeFile(path.join(dir, trace), "whatever");
    const error = await expectRefused(dir, new RegExp(`missing, but ${trace}`));
    expect(error.details["hint"]).toContain(`remove ${trace}`);
    expect(await listing(dir)).toEqual([trace]);
  });

  it("is found again when it is put back", async () => {
    const dir = await directory();
    const { id } = await loadDeviceKey(dir, uid);
    const aside = path.join(await directory(), "key.pem");
    await link(keyIn(dir), aside);
    await rm(keyIn(dir));
    await expectRefused(dir, /missing/);
    await link(aside, keyIn(dir));
    expect((await loadDeviceKey(dir, uid)).id).toBe(id);
  });
});

describe("the directory", () => {
  it.each([0o755, 0o750, 0o701, 0o770])(
    "is refused, and its mode left, when others can enter it (%o)",
    async (bits) => {
      const dir = await directory();
      await chmod(dir, bits);
      const error = await failure(loadDeviceKey(dir, uid));
      expect(error.code).toBe("E_STATE");
      expect(error.details["hint"]).toContain(`chmod 700 ${dir}`);
      expect(await mode(dir)).toBe(bits.toString(8));
      expect(await listing(dir)).toEqual([]);
    },
  );

  it("is refused when it belongs to another user, or is none", async () => {
    const dir = await directory();
    expect((await failure(loadDeviceKey(dir, uid + 1))).message).toContain("another user");
    const file = path.join(dir, "file");
    await writeFile(file, "");
    const error = await failure(loadDeviceKey(file, uid));
    expect(error.code).toBe("E_STATE");
    expect(error.details["path"]).toBe(file);
  });

  it("may be reached through a symbolic link: people move their state to other disks", async () => {
    const dir = await directory();
    const { id } = await loadDeviceKey(dir, uid);
    const alias = path.join(await directory(), "alias");
    await symlink(dir, alias);
    expect((await loadDeviceKey(alias, uid)).id).toBe(id);
  });
});

/** Root may read everything: gives `dir` to an ordinary user and becomes that user for the time of `work`. */
async function asOrdinaryUser<T>(dir: string, work: (uid: number) => Promise<T>): Promise<T> {
  if (uid !== 0) return work(uid);
  await chown(dir, NOBODY, NOBODY);
  for (const name of await readdir(dir)) await chown(path.join(dir, name), NOBODY, NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work(NOBODY);
  } finally {
    process.seteuid?.(0);
  }
}
