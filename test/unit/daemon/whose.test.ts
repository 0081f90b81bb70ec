import { expect, it } from "vitest";
import { fromWire, LanxferError } from "../../../src/core/errors.ts";
import { naming } from "../../../src/daemon/incoming/whose.ts";

it.each([
  [
    "our own full disk",
    new LanxferError("E_NO_SPACE", { needs: 1, has: 0 }),
    "no space left at this device (needs 1 B, has 0 B)",
  ],
  ["our own inbox", new LanxferError("E_INBOX"), "this device cannot write to its inbox"],
  ["our own end", new LanxferError("E_STOPPING", { peer: "this device" }), "this device is shutting down"],
  ["the sender's end", fromWire({ code: "E_STOPPING" }, "the peer"), "anna is shutting down"],
  ["the sender's wish", fromWire({ code: "E_CANCELLED_BY_PEER" }, "the peer"), "cancelled by anna"],
])("names whose trouble it was: %s", (_, error, message) => {
  expect(naming(error, "anna").message).toBe(message);
});
