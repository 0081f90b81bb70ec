/** Keys of devices that a test makes up: real ones, with the certificates that a daemon would show. */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { deviceIdFromHash } from "../../src/core/ids.ts";
import { createCertificate, SERIAL_BYTES } from "../../src/identity/certificate.ts";
import type { Credentials } from "../../src/transfer/gate.ts";

export function newCredentials(): Credentials {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return credentialsOf(privateKey);
}

/** For a key of any kind that can be certified: of the wrong curve, say. */
export function credentialsOf(privateKey: KeyObject): Credentials {
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return {
    id: deviceIdFromHash(createHash("sha256").update(spki).digest()),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certPem: createCertificate(privateKey, randomBytes(SERIAL_BYTES)),
  };
}
