/** How an attempt at a transfer went, and what the log says of it. */

import { assertNever } from "../../core/assert.ts";
import type { LanxferError } from "../../core/errors.ts";
import type { DeviceId, TransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";

export type Outcome =
  | { readonly is: "delivered" }
  | { readonly is: "failed"; readonly error: LanxferError }
  /** Goes on later, by itself. */
  | { readonly is: "interrupted"; readonly error: LanxferError; readonly moved: number; readonly ms: number }
  | { readonly is: "paused" }
  /** This program ends; its next run goes on. */
  | { readonly is: "left"; readonly reason: LanxferError };

export interface OutcomeFields {
  readonly transfer: TransferId;
  readonly peer: DeviceId;
  readonly bytes: number;
  readonly resumed: number;
  /** Since it was sent or queued. */
  readonly ms: number;
}

/** `begun`: the receiver has accepted it once. */
export function tellOutcome(log: Log, fields: OutcomeFields, outcome: Outcome, begun: boolean): void {
  switch (outcome.is) {
    case "delivered":
      log.info(fields, "transfer delivered");
      break;
    case "failed": {
      const { code, cause } = outcome.error;
      log.warn({ ...fields, code, err: code === "E_INTERNAL" ? cause : undefined }, "transfer not delivered");
      break;
    }
    case "interrupted": {
      const { transfer, peer } = fields;
      const { error, moved, ms } = outcome;
      const how = { transfer, peer, code: error.code, moved, ms };
      if (begun) log.info(how, "transfer interrupted");
      else log.debug(how, "queued transfer not begun"); // that a device is away is no news each time
      break;
    }
    case "paused":
      log.info(fields, "transfer paused");
      break;
    case "left":
      log.info(fields, "transfer goes on with the next start");
      break;
    default:
      assertNever(outcome);
  }
}
