/** Device ids for tests, the same in each run. */

import { createHash } from "node:crypto";
import { type DeviceId, deviceIdFromHash } from "../../../../src/core/ids.ts";

export function idOf(seed: string | number): DeviceId {
  return deviceIdFromHash(createHash("sha256").update(String(seed)).digest());
}
