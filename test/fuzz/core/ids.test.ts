import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  base32Decode,
  base32Encode,
  deviceIdBytes,
  deviceIdFromHash,
  formatDeviceId,
  isDeviceId,
  parseDeviceId,
} from "../../../src/core/ids.ts";

describe("base32", () => {
  it("gives back the bytes it was made of", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = base32Encode(bytes);
        expect(text).toMatch(/^[a-z2-7]*$/);
        expect(base32Decode(text)).toEqual(bytes);
      }),
      { numRuns: 10_000 },
    );
  });

  it("has one text for each sequence of bytes: what decodes is what the encoder writes", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567"), maxLength: 60 }),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (encoded) => {
        const bytes = base32Decode(encoded);
        if (bytes !== undefined) expect(base32Encode(bytes)).toBe(encoded);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("a device id", () => {
  it("survives being shown to a person and typed in again", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => {
        const id = deviceIdFromHash(hash);
        expect(isDeviceId(id)).toBe(true);
        expect(deviceIdBytes(id)).toEqual(hash);
        expect(parseDeviceId(formatDeviceId(id).toUpperCase())).toBe(id);
      }),
      { numRuns: 5_000 },
    );
  });
});
