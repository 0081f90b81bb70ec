import { createPublicKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { carriesKey, createCertificate, SERIAL_BYTES } from "../../../src/identity/certificate.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const pem = createCertificate(privateKey, randomBytes(SERIAL_BYTES));

describe("the certificate of a device, as Node reads it", () => {
  const certificate = new X509Certificate(pem);

  it("carries the key and is signed by it", () => {
    expect(certificate.publicKey.equals(publicKey)).toBe(true);
    expect(certificate.verify(publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(privateKey)).toBe(true);
    expect(certificate.checkIssued(certificate)).toBe(true);
  });

  it("names no host and no person, and is valid from 2020 for ever", () => {
    expect(certificate.subject).toBe("CN=lanxfer");
    expect(certificate.issuer).toBe("CN=lanxfer");
    expect(certificate.subjectAltName).toBeUndefined();
    expect(certificate.validFrom).toBe("Jan  1 00:00:00 2020 GMT");
    expect(certificate.validTo).toBe("Dec 31 23:59:59 9999 GMT");
  });

  it.each(["00", "80", "ff", "7f", "01"])(
    "has a positive serial of full length when chance begins with %s",
    (first) => {
      const random = Buffer.concat([Buffer.from(first, "hex"), randomBytes(SERIAL_BYTES - 1)]);
      expect(new X509Certificate(createCertificate(privateKey, random)).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    },
  );
});

describe("the certificate of a device, as another implementation reads it", () => {
  // The dependency injection inside that library asks for these two at load time.
  beforeAll(() => void Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined }));

  it("is well-formed DER with the same fields and a good signature", async () => {
    const x509 = await import("@peculiar/x509");
    x509.cryptoProvider.set(webcrypto);
    const certificate = new x509.X509Certificate(pem);
    expect(certificate.subject).toBe("CN=lanxfer");
    expect(certificate.issuer).toBe("CN=lanxfer");
    expect(certificate.notBefore.toISOString()).toBe("2020-01-01T00:00:00.000Z");
    expect(certificate.notAfter.toISOString()).toBe("9999-12-31T23:59:59.000Z");
    expect(certificate.signatureAlgorithm).toMatchObject({ name: "ECDSA", hash: { name: "SHA-256" } });
    expect(certificate.publicKey.algorithm).toMatchObject({ name: "ECDSA", namedCurve: "P-256" });
    expect(certificate.extensions).toHaveLength(0);
    const spki = publicKey.export({ type: "spki", format: "der" });
    expect(Buffer.from(certificate.publicKey.rawData).equals(spki)).toBe(true);
    expect(await certificate.verify({ signatureOnly: true })).toBe(true);
    expect(await certificate.isSelfSigned()).toBe(true);
  });
});

describe("the certificate of a device, in TLS 1.3", () => {
  it("shows each end the key of the other and lets both derive the same keying material", async () => {
    const other = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const own = (key: typeof privateKey) => ({
      key: key.export({ type: "pkcs8", format: "pem" }),
      cert: createCertificate(key, randomBytes(SERIAL_BYTES)),
      minVersion: "TLSv1.3" as const,
      rejectUnauthorized: false,
    });
    const server = tls.createServer({ ...own(privateKey), requestCert: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "secureConnection");
    const { port } = server.address() as AddressInfo; // a TCP server that listens has one
    const client = tls.connect({ port, host: "127.0.0.1", ...own(other.privateKey) });
    try {
      await once(client, "secureConnect");
      const [served] = (await accepted) as [tls.TLSSocket];
      expect(client.getProtocol()).toBe("TLSv1.3");
      expect(client.getPeerX509Certificate()?.publicKey.equals(publicKey)).toBe(true);
      expect(served.getPeerX509Certificate()?.publicKey.equals(other.publicKey)).toBe(true);
      const exported = (socket: tls.TLSSocket) => socket.exportKeyingMaterial(32, "EXPORTER-test", Buffer.from("sid"));
      expect(exported(client).equals(exported(served))).toBe(true);
      served.destroy();
    } finally {
      client.destroy();
      server.close();
      await once(server, "close");
    }
  });
});

describe("whether a certificate carries a key", () => {
  const stranger = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

  it("is so for the key it was made for only", () => {
    expect(carriesKey(pem, createPublicKey(privateKey))).toBe(true);
    expect(carriesKey(pem, stranger.publicKey)).toBe(false);
  });

  it.each([
    ["nothing", ""],
    ["garbage", "hello"],
    ["half of it", pem.slice(0, pem.length / 2)],
    ["one that is no certificate inside", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"],
  ])("is not so for %s", (_, text) => {
    expect(carriesKey(text, publicKey)).toBe(false);
  });

  it("is not so when one bit of the certificate was changed", () => {
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64");
    for (let at = 0; at < der.length; at++) {
      const changed = Buffer.from(der);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      const text = `-----BEGIN CERTIFICATE-----\n${changed.toString("base64")}\n-----END CERTIFICATE-----\n`;
      expect(carriesKey(text, publicKey), `bit of octet ${at}`).toBe(false);
    }
  });
});
