// Keys that no device has paired with, as TLS wants them.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createCertificate, SERIAL_BYTES } from "../../../dist/identity/certificate.js";

/** @returns {{ key: string, cert: string }} */
export function stranger() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { key, cert: createCertificate(privateKey, randomBytes(SERIAL_BYTES)) };
}
